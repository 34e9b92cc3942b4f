"""The losses of the cases as a user who knows torch well writes them."""

import math

import torch
import torch.nn.functional as F


def dice(p, y, eps=1e-5):
    return 1 - (2 * (p * y).sum() + eps) / (p.sum() + y.sum() + eps)


def log_cosh(pred, target):
    d = pred - target
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


def focal_logits(logits, target, alpha=0.25, gamma=2):
    # As in torchvision.ops.sigmoid_focal_loss.
    p = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p_t = p * target + (1 - p) * (1 - target)
    alpha_t = alpha * target + (1 - alpha) * (1 - target)
    return (alpha_t * entropy * (1 - p_t) ** gamma).mean()


def dice_wce(logits, target):
    return 0.5 * dice(torch.sigmoid(logits), target) + 0.5 * F.binary_cross_entropy_with_logits(logits, target)


def tversky(p, y, alpha, beta, eps):
    hit, alarm, miss = (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum()
    return 1 - (hit + eps) / (hit + alpha * alarm + beta * miss + eps)


def unified_focal(logits, target, lam=0.5, delta=0.6, gamma=0.5, eps=1e-7):
    pred = torch.sigmoid(logits)
    p, q = pred.clamp(eps, 1 - eps), (1 - pred).clamp(eps, 1 - eps)
    front_entropy = -delta * target * p.log()
    entropy = (front_entropy - (1 - delta) * (1 - target) * p**gamma * q.log()).mean()
    front = tversky(pred, target, 1 - delta, delta, eps)
    back = tversky(1 - pred, 1 - target, 1 - delta, delta, eps)
    return lam * entropy + (1 - lam) * (back + front ** (1 - gamma)) / 2


def ciou(pred, target, eps=1e-7):
    # As in torchvision.ops.complete_box_iou_loss.
    x1, y1, x2, y2 = pred.unbind(-1)
    u1, v1, u2, v2 = target.unbind(-1)
    shared = (torch.min(x2, u2) - torch.max(x1, u1)).clamp(min=0) * (torch.min(y2, v2) - torch.max(y1, v1)).clamp(min=0)
    iou = shared / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared + eps)
    diagonal = (torch.max(x2, u2) - torch.min(x1, u1)) ** 2 + (torch.max(y2, v2) - torch.min(y1, v1)) ** 2 + eps
    apart = ((x1 + x2 - u1 - u2) / 2) ** 2 + ((y1 + y2 - v1 - v2) / 2) ** 2
    angle = torch.atan((u2 - u1) / (v2 - v1)) - torch.atan((x2 - x1) / (y2 - y1))
    v = 4 / math.pi**2 * angle**2
    alpha = (v / (1 - iou + v + eps)).detach()
    return (1 - iou + apart / diagonal + alpha * v).mean()


def generalized_dice(pred, target, eps=1e-5):
    axes = (0, 2, 3)
    volume = target.sum(axes)
    w = 1 / volume**2
    rarest = torch.where(volume > 0, w, 0.0).max()
    w = torch.where(volume > 0, w, torch.where(rarest > 0, rarest, 1.0))
    common = (w * (pred * target).sum(axes)).sum()
    total = (w * (pred + target).sum(axes)).sum()
    return 1 - (2 * common + eps) / (total + eps)


def triplet(anchor, positive, negative, margin=0.2):
    near, far = ((anchor - positive) ** 2).sum(1), ((anchor - negative) ** 2).sum(1)
    return F.relu(near - far + margin).sum()


def contrastive(x1, x2, target, margin=1.0):
    r = torch.linalg.vector_norm(x1 - x2, dim=1)
    return ((target * r**2 + (1 - target) * F.relu(margin - r) ** 2) / 2).sum()


def arcface_cos(cosine, label, s=64.0, m=0.5):
    own = cosine.gather(1, label[:, None])
    turned = own * math.cos(m) - (1 - own**2).clamp(min=0).sqrt() * math.sin(m)
    return F.cross_entropy(s * cosine.scatter(1, label[:, None], turned), label)


def arcface(features, weights, label):
    return arcface_cos(F.normalize(features) @ F.normalize(weights).T, label)


def info_nce(query, key, temperature=0.07):
    s = F.normalize(query) @ F.normalize(key).T / temperature
    return F.cross_entropy(s, torch.arange(len(query)))


LOSSES = {
    "mse": F.mse_loss,
    "huber": F.huber_loss,
    "log_cosh": log_cosh,
    "bce": F.binary_cross_entropy,
    "bce_logits": F.binary_cross_entropy_with_logits,
    "focal_logits": focal_logits,
    "dice_sigmoid": lambda logits, target: dice(torch.sigmoid(logits), target),
    "dice_wce_sigmoid": dice_wce,
    "unified_focal_sigmoid": unified_focal,
    "cross_entropy": F.cross_entropy,
    "cross_entropy_pixels": F.cross_entropy,
    "label_smoothing": lambda logits, label: F.cross_entropy(logits, label, label_smoothing=0.1),
    "kl": lambda pred, target: F.kl_div(pred.log(), target, reduction="batchmean"),
    "ciou": ciou,
    "generalized_dice": generalized_dice,
    "generalized_dice_softmax": lambda logits, target: generalized_dice(torch.softmax(logits, 1), target),
    "triplet": triplet,
    "contrastive": contrastive,
    "arcface_cos": arcface_cos,
    "arcface": arcface,
    "info_nce": info_nce,
}


def methods(case, arrays, threads):
    """Name → (whether gradients go into reused memory, a call that returns value and gradients)."""
    torch.set_num_threads(threads)
    loss, wanted = LOSSES[case["name"]], case["gradients"]
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    leaves = {name: tensor.clone().requires_grad_(name in wanted) for name, tensor in inputs.items()}
    places = tuple(list(arrays).index(name) for name in wanted)
    arguments, out = tuple(inputs.values()), tuple(torch.ones_like(inputs[name]) for name in wanted)

    def backward(function, zero):
        def call():
            for name in wanted:
                if zero and leaves[name].grad is not None:
                    leaves[name].grad.zero_()
                elif not zero:
                    leaves[name].grad = None
            value = function(*leaves.values())
            value.backward()
            return value, [leaves[name].grad for name in wanted]

        return call

    # What was compiled for other cases is kept by place in this text, and there is a limit to it.
    torch.compiler.reset()
    grad_and_value = torch.func.grad_and_value(lambda *given: loss(*given), argnums=places)
    compiled = torch.compile(lambda *given: loss(*given), dynamic=False)
    both = torch.compile(lambda *given: grad_and_value(*given), dynamic=False)

    def into(memory, *given):
        gradients, value = grad_and_value(*given)
        for place, gradient in zip(memory, gradients):
            place.copy_(gradient)
        return value

    into = torch.compile(into, dynamic=False)

    def pair():
        gradients, value = both(*arguments)
        return value, gradients

    return {
        "torch eager": (False, backward(loss, False)),
        "torch eager, zeroed": (True, backward(loss, True)),
        "torch.compile, backward": (False, backward(compiled, False)),
        "torch.compile, grad_and_value": (False, pair),
        "torch.compile, grad_and_value into": (True, lambda: (into(out, *arguments), out)),
    }


def wait(result):
    """Calls are finished when they return."""


def numbers(result):
    value, gradients = result
    return float(value.detach()), [float(torch.linalg.vector_norm(gradient.double())) for gradient in gradients]
