"""Every weight has one optimiser, and Muon's matrices are the network's own memory."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from openpaf.network.pafnet import NetworkConfig, PafNet
from openpaf.train.config import TrainConfig, recipe_from
from openpaf.train.optimizer import Muon32, Optimizer, schedule

CONFIG: TrainConfig = recipe_from(
    {
        "sets": [{"annotations": "people.json", "images": ["images"]}],
        "images": 100,
        "batch": 1,
        "warm_up": 10,
        "backbone_rate": 0.1,
        "network": {"backbone": "mobilenet", "paf_width": 8, "map_width": 8, "hidden": 16},
    }
)


@pytest.fixture
def net() -> PafNet:
    torch.manual_seed(0)
    network = CONFIG.network
    assert isinstance(network, NetworkConfig)
    return PafNet(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def pretrained(net: PafNet) -> list[torch.nn.Module]:
    return [net.backbone.conv1, *net.backbone.blocks]


def test_every_weight_has_one_optimiser(net: PafNet) -> None:
    optimizer = Optimizer(net, pretrained(net), CONFIG)
    adamw = {p.data_ptr() for group in optimizer.adamw.param_groups for p in group["params"]}
    muon = {p.data_ptr() for group in optimizer.muon.param_groups for p in group["params"]}
    assert not adamw & muon
    assert adamw | muon == {p.data_ptr() for p in net.parameters()}
    backbone = {p.data_ptr() for module in pretrained(net) for p in module.parameters()}
    heads = {p.data_ptr() for stage in net.paf_stages for p in stage.head.parameters()}
    assert backbone | heads <= adamw
    assert net.backbone.bottleneck.mix.weight.data_ptr() in muon


def test_a_step_changes_every_weight_by_its_gradient_and_clears_it(net: PafNet) -> None:
    optimizer = Optimizer(net, pretrained(net), CONFIG)
    before = [p.detach().clone() for p in net.parameters()]
    sum(out.square().mean() for _, out in net(torch.randn(2, 3, 32, 32))).backward()
    assert all(p.grad is not None for p in net.parameters())
    optimizer.step(10)
    for old, now in zip(before, net.parameters(), strict=True):
        assert now.grad is None
        assert not torch.equal(old, now)


def test_muon_turns_a_gradient_into_steps_of_one_size_in_every_direction(net: PafNet) -> None:
    optimizer = Optimizer(net, [], CONFIG)
    weight = net.backbone.bottleneck.mix.weight
    before = weight.detach().clone()
    weight.grad = torch.zeros_like(weight)
    weight.grad[:, :, 1, 1] = torch.diag(torch.logspace(0, 1, 128))
    optimizer.step(10)
    change = torch.linalg.svdvals((before - weight.detach())[:, :, 1, 1].double())
    # Newton and Schulz's few iterations leave singular values between 0.5 and 1.5.
    assert change.max() / change.min() < 3.5
    assert change.mean() == pytest.approx(CONFIG.muon_rate, rel=0.5)


def test_muon_in_single_precision_is_muon() -> None:
    torch.manual_seed(1)
    for shape in ((40, 24), (24, 40)):
        start = torch.randn(shape)
        single, torchs = (torch.nn.Parameter(start.clone()) for _ in range(2))
        optimizers = [
            Muon32([single], lr=0.02, weight_decay=0.0),
            torch.optim.Muon([torchs], lr=0.02, weight_decay=0.0),
        ]
        for step in range(4):
            gradient = torch.randn(shape, generator=torch.Generator().manual_seed(step))
            for parameter, optimizer in zip((single, torchs), optimizers, strict=True):
                parameter.grad = gradient.clone()
                optimizer.step()
        change, theirs = single.detach() - start, torchs.detach() - start
        # Theirs is rounded to bfloat16 on the way.
        assert (change - theirs).norm() < 0.03 * theirs.norm()


def test_where_bfloat16_is_emulated_single_precision_is_taken(
    net: PafNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for has, kind in ((False, Muon32), (True, torch.optim.Muon)):
        monkeypatch.setattr("openpaf.train.optimizer.cpu_has_bfloat16", lambda has=has: has)
        assert type(Optimizer(net, [], CONFIG).muon) is kind


def test_the_rate_of_pretrained_layers_is_slower(net: PafNet) -> None:
    optimizer = Optimizer(net, pretrained(net), CONFIG)
    optimizer.step(10)
    rates = {group["params"][0].data_ptr(): group["lr"] for group in optimizer.adamw.param_groups}
    backbone = {p.data_ptr() for module in pretrained(net) for p in module.parameters()}
    for place, rate in rates.items():
        share = CONFIG.backbone_rate if place in backbone else 1.0
        assert rate == pytest.approx(CONFIG.rate * share)
    assert {group["lr"] for group in optimizer.muon.param_groups} == {CONFIG.muon_rate}


def test_the_schedule_warms_up_and_ends_at_one_percent() -> None:
    assert schedule(0, CONFIG) == pytest.approx(0.1)
    assert schedule(10, CONFIG) == pytest.approx(1.0)
    assert schedule(55, CONFIG) == pytest.approx(0.505)
    assert schedule(100, CONFIG) == pytest.approx(0.01)


def test_resuming_takes_the_momentum_and_the_recipes_own_rates(net: PafNet) -> None:
    optimizer = Optimizer(net, [], CONFIG)
    net(torch.randn(1, 3, 32, 32))[-1][1].square().mean().backward()
    optimizer.step(10)
    faster = recipe_from(
        vars(CONFIG)
        | {
            "network": vars(CONFIG.network),
            "sets": [vars(s) for s in CONFIG.sets],
            "muon_rate": 0.5,
        }
    )
    resumed = Optimizer(net, [], faster)
    resumed.load_state_dict(optimizer.state_dict())
    resumed.step(10)
    (group,) = resumed.muon.param_groups
    assert group["lr"] == 0.5
    momenta = [state["momentum_buffer"] for state in resumed.muon.state.values()]
    assert momenta and any(m.abs().sum() > 0 for m in momenta)
    with pytest.raises(KeyError):
        resumed.load_state_dict({})
