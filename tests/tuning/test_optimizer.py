from finegold.models.prefix.network import PrefixNetwork
from finegold.tuning.optimizer import adamw
from finegold.tuning.recipe import load_recipe


def test_the_weight_decays_and_the_bias_does_not(model: PrefixNetwork) -> None:
    optimizer = adamw(model.train_only("projection"), load_recipe("minigpt4-stage2"))
    groups = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert groups[0.05][0] is model.projection.weight
    assert groups[0.0][0] is model.projection.bias
    assert [group["eps"] for group in optimizer.param_groups] == [1e-8, 1e-8]
