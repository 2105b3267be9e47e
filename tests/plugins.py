"""Install a package with plug-ins, as pip would leave it, without pip."""

from pathlib import Path


def install(folder: Path, module: str, code: str, entry_points: dict[str, dict[str, str]]) -> Path:
    """Write a module and the metadata of its distribution into a folder that is to be on `sys.path`.

    Args:
        folder: The folder, made if it is not there.
        module: Name of the module and of the distribution.
        code: What the module holds.
        entry_points: Group to name to `module:object`.
    """
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
