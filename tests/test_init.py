"""The public face: every name is there, and importing it loads no table, image or model library."""

import subprocess
import sys

import pytest

import finegold


@pytest.mark.parametrize("name", finegold.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(finegold, name).__doc__
    assert name in dir(finegold)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"numpy", "torch", "pyarrow", "PIL", "pydantic"}
    code = f"import sys, finegold; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'pikc' \(did you mean 'pick'\?\)$"):
        finegold.pikc  # noqa: B018 (the access is what is tested)
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        finegold.__wrapped__  # noqa: B018
