"""GCoNet+ with all its switches."""

import pytest
import torch

from cosod.errors import InputError
from cosod.models import GCoNetPlus, GCoNetPlusConfig, create
from cosod.models.modules.discriminator import Discriminator
from cosod.models.modules.refiner import Refiner
from cosod.models.modules.relation import make_relation
from tests.models.common import NetworkTests, plus_loss
from tests.models.filled import images, masks


class TestVGG16WithNorm(NetworkTests):
    name = "gconet_plus"
    loss = staticmethod(plus_loss)


class TestReleasedConfidence(NetworkTests):
    name = "gconet_plus_vgg16"
    options = {"confidence": "released"}  # noqa: RUF012
    loss = staticmethod(plus_loss)


class TestResNet50(NetworkTests):
    name = "gconet_plus_resnet50"
    loss = staticmethod(plus_loss)


class TestEverythingOtherwise(NetworkTests):
    name = "gconet_plus_vgg16"
    options = {  # noqa: RUF012
        "lateral": "resblk",
        "conv_after_resize": True,
        "outputs": 4,
        "confidence_module": False,
        "refiner": "image_mask",
        "mask_merge": "concat",
        "relation": "non_local",
    }
    loss = staticmethod(plus_loss)


class TestPlainBaseline(NetworkTests):
    name = "gconet_plus_vgg16"
    options = {  # noqa: RUF012
        "relation": "none",
        "contrast": False,
        "classification": False,
        "masked_classification": False,
        "refiner": "mask",
    }
    loss = staticmethod(plus_loss)


def test_number_of_sides():
    config = {"backbone": "vgg16", "groups": 2, "masked_classification": False, "mask_merge": "sum"}
    for outputs, refiner, expected in ((1, "none", 1), (3, "none", 3), (2, "mask", 3)):
        network = GCoNetPlus(GCoNetPlusConfig(outputs=outputs, refiner=refiner, **config)).train()
        with torch.no_grad():
            output = network(images(0, 4, 32))
        assert len(output.sides) == expected
        assert (output.refined is None) == (refiner == "none")
        assert output.masked_classes is None


def test_sum_is_a_merge():
    network = GCoNetPlus(GCoNetPlusConfig(backbone="vgg16", mask_merge="sum", groups=2)).train()
    with torch.no_grad():
        assert network(images(0, 4, 32)).masked_classes.shape == (4, 2)


@pytest.fixture(scope="module")
def released():
    return create("gconet_plus_vgg16", confidence="released", groups=2)


def test_released_confidence_falls_back_for_the_whole_batch(released):
    threshold = torch.zeros(2, 1, 1, 2)
    mild = torch.tensor([0.01, -0.29]).view(1, 1, 1, 2).expand(2, -1, -1, -1)
    torch.testing.assert_close(released.confidence_map(mild, threshold), torch.sigmoid(300 * mild))
    strong = mild.clone()
    strong[1, 0, 0, 1] = -0.3
    torch.testing.assert_close(released.confidence_map(strong, threshold), torch.sigmoid(50 * strong))


def test_confidence_as_the_paper_writes_it(released):
    difference = torch.linspace(-0.28, 0.28, 50).view(1, 1, 5, 10)
    expected = 1 / (1 + torch.exp(-300 * difference))
    torch.testing.assert_close(released.confidence_map(difference, torch.zeros(1)), expected)
    number = create("gconet_plus_vgg16", confidence=20.0, groups=2)
    torch.testing.assert_close(number.confidence_map(difference * 3, torch.zeros(1)), (60 * difference).sigmoid())
    assert released.whole_group_maps and not number.whole_group_maps


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "vgg19"}, "choose one of vgg16, vgg16_bn, resnet50"),
        ({"outputs": 5}, "choose one of 1, 2, 3, 4"),
        ({"confidence": "sharp"}, "a number or 'released'"),
        ({"relation": "none"}, "contrast needs a consensus"),
        ({"confidence": "released", "refiner": "mask"}, "does not work with a refiner"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        GCoNetPlusConfig(**options)


@pytest.mark.parametrize("name", ["gam", "ice", "non_local", "attention", "none"])
def test_relation_modules(name):
    torch.manual_seed(0)
    relation = make_relation(name, 16).eval()
    deep = torch.randn(3, 16, 5, 4, requires_grad=True)
    vector = relation(deep).vector
    assert vector.shape == (1, 16, 1, 1)
    torch.testing.assert_close(relation(deep.flip(0)).vector, vector)
    if name != "none":
        vector.sum().backward()
        assert deep.grad.isfinite().all() and deep.grad.abs().sum() > 0


def test_untrained_non_local_is_the_mean_of_the_feature():
    deep = torch.randn(2, 8, 4, 4)
    expected = deep.mean(dim=(0, 2, 3), keepdim=True)
    torch.testing.assert_close(make_relation("non_local", 8)(deep).vector, expected)


def test_unknown_relation():
    with pytest.raises(InputError, match="choose one of gam, ice"):
        make_relation("gem", 8)


@pytest.mark.parametrize("channels", [1, 4])
def test_refiner_keeps_the_size_and_corrects_binary_maps(channels):
    torch.manual_seed(0)
    refiner = Refiner(channels, width=8)
    maps = masks(0, 2, 37).requires_grad_()
    logits = refiner(maps, images(0, 2, 37) if channels == 4 else None)
    assert logits.shape == (2, 1, 37, 37)
    logits.mean().backward()
    assert logits.abs().max() < 20
    assert all(parameter.grad.isfinite().all() for parameter in refiner.parameters())


def test_discriminator():
    discriminator = Discriminator(32)
    judged = discriminator(masks(0, 3, 32))
    assert judged.shape == (3, 1)
    with pytest.raises(InputError, match="multiple of 16"):
        Discriminator(40)
