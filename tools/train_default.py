"""Train the default network on DUTS_class: the plain loop that made the first weights of the package.

    python tools/train_default.py --data DIR --backbone mobilenet_v2.pth -o runs/default

DIR holds ``images/<group>/<name>.jpg``, ``gts/<group>/<name>.png`` and ``groups.csv``. A killed run goes on
where its last checkpoint left it when the same command is given again.
"""

import argparse
import csv
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from cosod.models.mobile import GCoNetPlusMobile, MobileConfig

CACHE_SIZE = 256

#: ImageNet classes (index ranges and single indices) that people call by one name. Photos that share "a dog" are
#: of many breeds, so a part of the training groups is drawn from all classes of one such name.
BROAD = {
    "bird": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "dog": range(151, 269),
    "fox": range(277, 281),
    "cat": range(281, 293),
    "bear": range(294, 298),
    "butterfly": range(321, 327),
    "beetle": range(300, 308),
    "hoofed": [*range(345, 355)],
    "swine": range(341, 344),
    "monkey": range(365, 385),
    "elephant": range(385, 387),
    "frog": range(30, 33),
    "turtle": range(33, 38),
    "lizard": range(38, 49),
    "snake": range(52, 69),
    "whale": range(147, 149),
    "rabbit": range(330, 332),
    "mushroom": [947, 992],
    "car": [407, 436, 511, 627, 656, 661, 717, 751, 817],
    "bus": [654, 779, 874],
    "ship": [484, 510, 628, 814, 914],
    "plane": [404, 895],
    "train": [547, 705],
    "bottle": [631, 653, 711, 725, 898, 907],
    "cup": [504, 725, 967, 968],
    "bowl": [567, 659, 809, 925],
    "seat": [423, 559, 703, 831, 857],
    "screen": [620, 664, 681, 782, 851],
    "ball": [429, 574, 722, 805, 852],
    "fruit": [948, 949, 950, 951, 952, 953, 954, 957],
    "bread": [931, 932, 933, 934, 963],
    "bag": [636, 728, 748],
    "oven": [651, 827, 859],
    "machine": [713, 742, 760],
}


def build_cache(data: Path, cache: Path, held_out: int, seed: int):
    """Images and masks at ``CACHE_SIZE`` as memory maps, and the groups: names, spans, which are held out."""
    index = cache / "index.json"
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (data / "groups.csv").open(newline="") as file:
            names = [row["imagenet_index"] for row in csv.DictReader(file)]
        files = [(n, p) for n in names for p in sorted((data / "images" / n).iterdir())]
        shape = (len(files), CACHE_SIZE, CACHE_SIZE)
        images = np.lib.format.open_memmap(cache / "images.npy", "w+", np.uint8, (*shape, 3))
        masks = np.lib.format.open_memmap(cache / "masks.npy", "w+", np.uint8, shape)
        for i, (name, path) in enumerate(files):
            image = cv2.imread(str(path))[:, :, ::-1]
            mask = cv2.imread(str(data / "gts" / name / (path.stem + ".png")), cv2.IMREAD_GRAYSCALE)
            images[i] = cv2.resize(image, (CACHE_SIZE, CACHE_SIZE), interpolation=cv2.INTER_AREA)
            masks[i] = cv2.resize(mask, (CACHE_SIZE, CACHE_SIZE), interpolation=cv2.INTER_AREA)
        images.flush(), masks.flush()
        index.write_text(json.dumps({"names": names, "groups": [n for n, _ in files]}))
    info = json.loads(index.read_text())
    groups = {n: [] for n in info["names"]}
    for i, name in enumerate(info["groups"]):
        groups[name].append(i)
    held = set(np.random.default_rng(seed).choice(sorted(groups), held_out, replace=False).tolist())
    images, masks = (np.load(cache / f, mmap_mode="r") for f in ("images.npy", "masks.npy"))
    return images, masks, groups, held


class Sampler:
    """Pairs of groups; ``state`` of ``rng`` is all that a resumed run needs."""

    def __init__(self, groups, held, n, broad, rng):
        self.n, self.broad, self.rng = n, broad, rng
        self.groups = {name: ids for name, ids in groups.items() if name not in held}
        self.names = sorted(self.groups, key=int)
        self.label = {i: k for k, name in enumerate(self.names) for i in self.groups[name]}
        self.merged = {}
        for word, indices in BROAD.items():
            members = [str(i) for i in indices if str(i) in self.groups]
            if len(members) > 1:
                self.merged[word] = members
        self.word_of = {m: w for w, members in self.merged.items() for m in members}

    def draw(self):
        """(ids of group a, ids of group b); never two groups of one broad name, whose objects look alike."""
        a, b = self.rng.choice(self.names, 2, replace=False)
        while self.word_of.get(a) is not None and self.word_of.get(a) == self.word_of.get(b):
            b = self.rng.choice(self.names)
        pools = []
        for name in (a, b):
            if name in self.word_of and self.rng.random() < self.broad:
                members = self.merged[self.word_of[name]]
                pools.append([self.groups[m] for m in members])
            else:
                pools.append([self.groups[name]])
        n = min(self.n, *(sum(map(len, pool)) for pool in pools))
        return [self._take(pool, n) for pool in pools]

    def strangers(self, image, n):
        """Ids of n images of groups that neither are the image's own nor share its broad name."""
        own = self.names[self.label[image]]
        word = self.word_of.get(own)
        found = []
        while len(found) < n:
            name = self.names[self.rng.integers(len(self.names))]
            if name != own and (word is None or self.word_of.get(name) != word):
                found.append(int(self.rng.choice(self.groups[name])))
        return found

    def _take(self, pool, n):
        """n images, the classes of a broad group as evenly as their sizes allow."""
        orders = [list(self.rng.permutation(ids)) for ids in pool]
        self.rng.shuffle(orders)
        taken = []
        while len(taken) < n:
            for order in orders:
                if order and len(taken) < n:
                    taken.append(int(order.pop()))
        return taken


def augment(image, mask, size, rng):
    """One image ``(3, H, W)`` in [0, 1] and its mask ``(1, H, W)``: crop, flip, colour; resized to ``size``."""
    height, width = image.shape[1:]
    h, w = (round(side * s) for side, s in zip((height, width), rng.uniform(0.75, 1.0, 2), strict=True))
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    crop, truth = image[:, y : y + h, x : x + w], mask[:, y : y + h, x : x + w]
    if truth.sum() > 0.5 * mask.sum():  # a crop that loses the object is not taken
        image, mask = crop, truth
    if rng.random() < 0.5:
        image, mask = image.flip(2), mask.flip(2)
    image = F.interpolate(image[None], (size, size), mode="bilinear", align_corners=False)[0]
    mask = F.interpolate(mask[None], (size, size), mode="bilinear", align_corners=False)[0]
    brightness, contrast, colour = (float(v) for v in rng.uniform(0.7, 1.3, 3))
    grey = image.mean(0, keepdim=True)
    if rng.random() < 0.03:
        colour = 0.0
    image = grey + (image - grey) * colour
    image = (image - image.mean()) * contrast + image.mean() * brightness
    return image.clamp(0, 1), mask


def distract(image, mask, other, other_mask, rng):
    """Put something of the other group into the image; the truth stays the image's own object.

    Half of the time the two images stand side by side, else the other's object is pasted where it covers
    at most a third of the own one.
    """
    size = image.shape[-1]
    if rng.random() < 0.5:
        half = size // 2
        own, own_mask, strange = (
            F.interpolate(t[None], (size, half), mode="bilinear", align_corners=False)[0] for t in (image, mask, other)
        )
        blank = torch.zeros_like(own_mask)
        if rng.random() < 0.5:
            return torch.cat([own, strange], 2), torch.cat([own_mask, blank], 2)
        return torch.cat([strange, own], 2), torch.cat([blank, own_mask], 2)
    return paste(image, mask, other, other_mask, rng)


def paste(image, mask, other, other_mask, rng):
    """The other's object over the image, where it covers at most a third of the own one."""
    size = image.shape[-1]
    scale = float(rng.uniform(0.35, 0.7))
    s = int(size * scale)
    small, small_mask = (
        F.interpolate(t[None], (s, s), mode="bilinear", align_corners=False)[0] for t in (other, other_mask)
    )
    for _ in range(6):
        y, x = (int(v) for v in rng.integers(-s // 4, size - 3 * s // 4, 2))
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + s, size), min(x + s, size)
        part = small_mask[:, y0 - y : y1 - y, x0 - x : x1 - x]
        if (part * mask[:, y0:y1, x0:x1]).sum() <= 0.33 * mask.sum():
            image, mask = image.clone(), mask.clone()
            colours = small[:, y0 - y : y1 - y, x0 - x : x1 - x]
            image[:, y0:y1, x0:x1] = image[:, y0:y1, x0:x1] * (1 - part) + colours * part
            mask[:, y0:y1, x0:x1] *= 1 - part
            return image, mask
    return image, mask


def crowd(image, mask, strangers, rng):
    """As :func:`distract`, with up to three images of as many groups: side by side, pasted, or in a square of four.

    ``strangers`` are four pairs of image and mask. In the square the object is small and three others are as large.
    """

    def half(tensor, height, width):
        return F.interpolate(tensor[None], (height, width), mode="bilinear", align_corners=False)[0]

    size, kind = image.shape[-1], rng.random()
    if kind < 0.4:
        vertical = rng.random() < 0.4
        h, w = (size // 2, size) if vertical else (size, size // 2)
        parts = [(half(image, h, w), half(mask, h, w)), (half(strangers[0][0], h, w), torch.zeros(1, h, w))]
        parts = parts[:: 1 if rng.random() < 0.5 else -1]
        return tuple(torch.cat([part[k] for part in parts], 1 if vertical else 2) for k in (0, 1))
    if kind < 0.7:
        h = size // 2
        place = int(rng.integers(4))
        cells = [(half(i, h, h), torch.zeros(1, h, h)) for i, _ in strangers[:3]]
        cells.insert(place, (half(image, h, h), half(mask, h, h)))
        rows = [[torch.cat([cells[r][k], cells[r + 1][k]], 2) for k in (0, 1)] for r in (0, 2)]
        return tuple(torch.cat([row[k] for row in rows], 1) for k in (0, 1))
    for other, other_mask in strangers[: 1 + int(rng.integers(3))]:
        image, mask = paste(image, mask, other, other_mask, rng)
    return image, mask


def load(images, masks, i):
    image = torch.from_numpy(images[i].copy()).permute(2, 0, 1).float() / 255
    return image, torch.from_numpy(masks[i].copy())[None].float() / 255


def batch(images, masks, pair, size, distractors, rng, sampler=None):
    """Normalised images and masks of a pair of groups; with ``sampler`` the strangers come from all groups."""
    parts = [[augment(*load(images, masks, i), size, rng) for i in ids] for ids in pair]
    out = []
    for side, part in enumerate(parts):
        for image, mask in part:
            if rng.random() < distractors and sampler is not None:
                ids = sampler.strangers(pair[side][0], 4)
                others = [augment(*load(images, masks, i), size, rng) for i in ids]
                image, mask = crowd(image, mask, others, rng)
            elif sampler is None and rng.random() < distractors:
                other = parts[1 - side][rng.integers(len(parts[1 - side]))]
                image, mask = distract(image, mask, *other, rng)
            out.append((image, mask))
    x = torch.stack([i for i, _ in out])
    y = (torch.stack([m for _, m in out]) > 0.5).float()
    return ((x - 0.5) / 0.5).contiguous(memory_format=torch.channels_last), y


def soft_iou(p, g):
    inter = (p * g).sum(dim=(1, 2, 3))
    return (1 - inter / ((p + g).sum(dim=(1, 2, 3)) - inter).clamp_min(1e-6)).mean()


def loss_terms(output, masks, classes):
    """Terms with the weights of this recipe, by name."""
    target = torch.cat([masks, torch.zeros_like(masks)])
    bce = F.binary_cross_entropy_with_logits(output.contrast, target, reduction="none")
    focal = ((1 - torch.exp(-bce)) ** 2 * bce).mean()
    coarse = output.sides[0].clamp(1e-6, 1 - 1e-6)
    return {
        "bce": 2 * F.binary_cross_entropy_with_logits(output.logits, masks),
        "iou": soft_iou(output.maps, masks),
        "side": 0.5 * F.binary_cross_entropy(coarse, masks) + 0.25 * soft_iou(coarse, masks),
        "class": 0.1 * F.cross_entropy(output.classes.float(), classes),
        "masked_class": 0.1 * F.cross_entropy(output.masked_classes.float(), classes),
        "contrast": 2 * focal,
    }


@torch.no_grad()
def validate(network, images, masks, groups, held, size, seed):
    """MAE and IoU (threshold 0.5) on the held-out groups, as they are and with a stranger at their side."""
    network.eval()
    rng = np.random.default_rng(seed)
    names = sorted(held, key=int)
    results = {}
    for kind in ("plain", "joined"):
        mae, iou = [], []
        for name in names:
            ids = groups[name][:24]
            x, y = zip(*(load(images, masks, i) for i in ids), strict=True)
            x, y = torch.stack(x), (torch.stack(y) > 0.5).float()
            if kind == "joined":
                # Strangers of many groups: were they all of one, that group would be shared just as well.
                others = [i for other in names if other != name for i in groups[other]]
                joined = []
                for image, mask in zip(x, y, strict=True):
                    other, _ = load(images, masks, others[rng.integers(len(others))])
                    left = rng.random() < 0.5
                    blank = torch.zeros_like(mask)
                    joined.append(
                        (
                            torch.cat([image, other][:: 1 if left else -1], 2),
                            torch.cat([mask, blank][:: 1 if left else -1], 2),
                        )
                    )
                x, y = (torch.stack(t) for t in zip(*joined, strict=True))
            x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
            y = (F.interpolate(y, (size, size), mode="bilinear", align_corners=False) > 0.5).float()
            x = ((x - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                maps = network(x).maps.float()
            mae.append((maps - y).abs().mean().item())
            b = (maps > 0.5).float()
            inter = (b * y).sum(dim=(1, 2, 3))
            iou.append((inter / ((b + y).clamp(max=1).sum(dim=(1, 2, 3)) + 1e-10)).mean().item())
        results[kind] = {"mae": float(np.mean(mae)), "iou": float(np.mean(iou))}
    network.train()
    return results


def parameters(network, lr, freeze):
    """Backbone at a tenth of the rate, its first ``freeze`` stages and its batch normalisation not at all."""
    backbone, rest = [], []
    for p in network.backbone.features[:freeze].parameters():
        p.requires_grad_(False)
    for module in network.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for p in module.parameters():
                p.requires_grad_(False)
    for name, p in network.named_parameters():
        if p.requires_grad:
            (backbone if name.startswith("backbone.") else rest).append(p)
    return [{"params": backbone, "peak": lr / 10}, {"params": rest, "peak": lr}]


def rate(progress):
    """Share of the peak learning rate: up over the first tenth of the run, then down along a cosine."""
    if progress < 0.1:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.1)) / 2
    return (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True, help="MobileNetV2 state dict, torchvision's names")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--init", type=Path, help="start from this network's weights in place of the backbone's")
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--images", type=int, default=12, help="images a group")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--distractors", type=float, default=0.2, help="share of images with a distractor")
    parser.add_argument("--strangers", choices=("pair", "any"), default="pair", help="where distractors come from")
    parser.add_argument("--broad", type=float, default=0.3, help="share of groups drawn from all of a broad class")
    parser.add_argument("--freeze", type=int, default=4, help="frozen stages of the backbone")
    parser.add_argument("--freeze-norm", type=float, default=0.7, help="share of the run after which all BN freezes")
    parser.add_argument("--held-out", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--stage", type=int, default=0, help="another order of the same groups, for a run with --init")
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    args = parser.parse_args()

    args.output.mkdir(parents=True, exist_ok=True)
    cache = args.cache or args.output / "cache"
    images, masks, groups, held = build_cache(args.data, cache, args.held_out, args.seed)
    (args.output / "held_out.json").write_text(json.dumps(sorted(held, key=int)))
    torch.manual_seed(args.seed)
    rng = np.random.default_rng([args.seed, args.stage] if args.stage else args.seed)
    sampler = Sampler(groups, held, args.images, args.broad, rng)
    network = GCoNetPlusMobile(MobileConfig(groups=len(sampler.names)))
    weights = torch.load(args.backbone, weights_only=True)
    own = network.backbone.state_dict()
    network.backbone.load_state_dict({k: weights[k] for k in own})
    if args.init:
        network.load_state_dict(torch.load(args.init, weights_only=True)["ema"])
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(parameters(network, args.lr, args.freeze), lr=args.lr, weight_decay=1e-4)
    ema = {k: v.detach().clone() for k, v in network.state_dict().items()}
    step = 0
    latest = args.output / "latest.pth"
    if latest.exists():
        state = torch.load(latest, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        ema, step = state["ema"], state["step"]
        rng.bit_generator.state = state["rng"]

    def log(row):
        print(json.dumps(row), flush=True)
        with (args.output / "log.jsonl").open("a") as file:
            print(json.dumps(row), file=file)

    sums, since = {}, time.time()
    while step < args.steps:
        if step >= args.freeze_norm * args.steps:
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate(step / args.steps)
        pair = sampler.draw()
        strangers = sampler if args.strangers == "any" else None
        x, y = batch(images, masks, pair, args.size, args.distractors, rng, strangers)
        classes = torch.tensor([sampler.label[i] for ids in pair for i in ids])
        with torch.autocast("cpu", torch.bfloat16):
            output = network(x)
        terms = loss_terms(output, y, classes)
        loss = sum(terms.values())
        optimizer.zero_grad(set_to_none=True)
        if torch.isfinite(loss):
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
        step += 1
        decay = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in network.state_dict().items():
                if v.is_floating_point():
                    ema[k].lerp_(v, 1 - decay)
                else:
                    ema[k].copy_(v)
        for k, v in terms.items():
            sums[k] = sums.get(k, 0.0) + v.item()
        if step % 50 == 0:
            row = {"step": step, "seconds": round(time.time() - since, 1)}
            row |= {k: round(v / 50, 4) for k, v in sums.items()}
            log(row)
            sums, since = {}, time.time()
        if step % args.every == 0 or step == args.steps:
            state = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "ema": ema,
                "step": step,
                "rng": rng.bit_generator.state,
            }
            torch.save(state, latest.with_suffix(".tmp"))
            latest.with_suffix(".tmp").replace(latest)
        if step % (4 * args.every) == 0 or step == args.steps:
            averaged = GCoNetPlusMobile(network.config).to(memory_format=torch.channels_last)
            averaged.load_state_dict(ema)
            row = {"step": step, "validation": validate(averaged, images, masks, groups, held, args.size, 0)}
            log(row)
            since = time.time()


if __name__ == "__main__":
    main()
