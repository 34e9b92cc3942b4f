"""The losses of the cases as a user who knows JAX well writes them."""

import math

import jax
import jax.numpy as jnp


def dice(p, y, eps=1e-5):
    return 1 - (2 * (p * y).sum() + eps) / (p.sum() + y.sum() + eps)


def huber(pred, target, delta=1.0):
    # As in optax.losses.huber_loss.
    size = jnp.abs(pred - target)
    near = jnp.minimum(size, delta)
    return (0.5 * near**2 + delta * (size - near)).mean()


def log_cosh(pred, target):
    d = pred - target
    return (jnp.logaddexp(d, -d) - math.log(2)).mean()


def entropy_of_logits(logits, target):
    # As in optax.losses.sigmoid_binary_cross_entropy.
    return -target * jax.nn.log_sigmoid(logits) - (1 - target) * jax.nn.log_sigmoid(-logits)


def bce(pred, target):
    logp = lambda p: jnp.maximum(jnp.log(p), -100)
    return (-target * logp(pred) - (1 - target) * logp(1 - pred)).mean()


def focal_logits(logits, target, alpha=0.25, gamma=2):
    p = jax.nn.sigmoid(logits)
    p_t = p * target + (1 - p) * (1 - target)
    alpha_t = alpha * target + (1 - alpha) * (1 - target)
    return (alpha_t * entropy_of_logits(logits, target) * (1 - p_t) ** gamma).mean()


def tversky(p, y, alpha, beta, eps):
    hit, alarm, miss = (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum()
    return 1 - (hit + eps) / (hit + alpha * alarm + beta * miss + eps)


def unified_focal(logits, target, lam=0.5, delta=0.6, gamma=0.5, eps=1e-7):
    pred = jax.nn.sigmoid(logits)
    p, q = jnp.clip(pred, eps, 1 - eps), jnp.clip(1 - pred, eps, 1 - eps)
    front_entropy = -delta * target * jnp.log(p)
    entropy = (front_entropy - (1 - delta) * (1 - target) * p**gamma * jnp.log(q)).mean()
    front = tversky(pred, target, 1 - delta, delta, eps)
    back = tversky(1 - pred, 1 - target, 1 - delta, delta, eps)
    return lam * entropy + (1 - lam) * (back + front ** (1 - gamma)) / 2


def cross_entropy(logits, label):
    own = jnp.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - own).mean()


def cross_entropy_pixels(logits, label):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits, axis=1), label[:, None], axis=1)
    return -chosen.mean()


def label_smoothing(logits, label, s=0.1):
    own = jnp.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - (1 - s) * own - s * logits.mean(axis=1)).mean()


def kl(pred, target):
    return (target * (jnp.log(target) - jnp.log(pred))).sum(axis=1).mean()


def ciou(pred, target, eps=1e-7):
    x1, y1, x2, y2 = (pred[..., corner] for corner in range(4))
    u1, v1, u2, v2 = (target[..., corner] for corner in range(4))
    across = jnp.maximum(jnp.minimum(x2, u2) - jnp.maximum(x1, u1), 0)
    shared = across * jnp.maximum(jnp.minimum(y2, v2) - jnp.maximum(y1, v1), 0)
    iou = shared / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared + eps)
    wide, high = jnp.maximum(x2, u2) - jnp.minimum(x1, u1), jnp.maximum(y2, v2) - jnp.minimum(y1, v1)
    apart = ((x1 + x2 - u1 - u2) / 2) ** 2 + ((y1 + y2 - v1 - v2) / 2) ** 2
    angle = jnp.arctan((u2 - u1) / (v2 - v1)) - jnp.arctan((x2 - x1) / (y2 - y1))
    v = 4 / math.pi**2 * angle**2
    alpha = jax.lax.stop_gradient(v / (1 - iou + v + eps))
    return (1 - iou + apart / (wide**2 + high**2 + eps) + alpha * v).mean()


def generalized_dice(pred, target, eps=1e-5):
    axes = (0, 2, 3)
    volume = target.sum(axes)
    w = 1 / volume**2
    rarest = jnp.where(volume > 0, w, 0.0).max()
    w = jnp.where(volume > 0, w, jnp.where(rarest > 0, rarest, 1.0))
    common = (w * (pred * target).sum(axes)).sum()
    total = (w * (pred + target).sum(axes)).sum()
    return 1 - (2 * common + eps) / (total + eps)


def triplet(anchor, positive, negative, margin=0.2):
    near, far = ((anchor - positive) ** 2).sum(1), ((anchor - negative) ** 2).sum(1)
    return jax.nn.relu(near - far + margin).sum()


def contrastive(x1, x2, target, margin=1.0):
    r = jnp.linalg.norm(x1 - x2, axis=1)
    return ((target * r**2 + (1 - target) * jax.nn.relu(margin - r) ** 2) / 2).sum()


def arcface_cos(cosine, label, s=64.0, m=0.5):
    own = jnp.take_along_axis(cosine, label[:, None], axis=1)[:, 0]
    turned = own * math.cos(m) - jnp.sqrt(jnp.maximum(1 - own**2, 0)) * math.sin(m)
    one_hot = label[:, None] == jnp.arange(cosine.shape[1])
    return cross_entropy(s * jnp.where(one_hot, turned[:, None], cosine), label)


def normalize(x):
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def info_nce(query, key, temperature=0.07):
    s = normalize(query) @ normalize(key).T / temperature
    return cross_entropy(s, jnp.arange(query.shape[0]))


LOSSES = {
    "mse": lambda pred, target: ((pred - target) ** 2).mean(),
    "huber": huber,
    "log_cosh": log_cosh,
    "bce": bce,
    "bce_logits": lambda logits, target: entropy_of_logits(logits, target).mean(),
    "focal_logits": focal_logits,
    "dice_sigmoid": lambda logits, target: dice(jax.nn.sigmoid(logits), target),
    "dice_wce_sigmoid": lambda logits, target: 0.5 * dice(jax.nn.sigmoid(logits), target)
    + 0.5 * entropy_of_logits(logits, target).mean(),
    "unified_focal_sigmoid": unified_focal,
    "cross_entropy": cross_entropy,
    "cross_entropy_pixels": cross_entropy_pixels,
    "label_smoothing": label_smoothing,
    "kl": kl,
    "ciou": ciou,
    "generalized_dice": generalized_dice,
    "generalized_dice_softmax": lambda logits, target: generalized_dice(jax.nn.softmax(logits, axis=1), target),
    "triplet": triplet,
    "contrastive": contrastive,
    "arcface_cos": arcface_cos,
    "arcface": lambda features, weights, label: arcface_cos(normalize(features) @ normalize(weights).T, label),
    "info_nce": info_nce,
}


def methods(case, arrays, threads):
    """Name → (whether gradients go into reused memory, a call that returns value and gradients)."""
    loss, wanted = LOSSES[case["name"]], case["gradients"]
    places = tuple(list(arrays).index(name) for name in wanted)
    inputs = [jax.device_put(array.astype("int32") if array.dtype == "int64" else array) for array in arrays.values()]
    value_and_grad = jax.value_and_grad(loss, argnums=places)
    fresh = jax.jit(value_and_grad)
    # XLA writes the gradients into the memory of what is donated: those of the call before.
    reused = jax.jit(lambda memory, *given: value_and_grad(*given), donate_argnums=0, keep_unused=True)
    last = [tuple(jnp.ones_like(inputs[place]) for place in places)]

    def donate():
        value, last[0] = reused(last[0], *inputs)
        return value, last[0]

    return {"jax.jit": (False, lambda: fresh(*inputs)), "jax.jit, donated": (True, donate)}


def wait(result):
    jax.block_until_ready(result)


def numbers(result):
    value, gradients = result
    norm = lambda x: float(math.sqrt(float((jnp.asarray(x) ** 2).sum())))
    return float(value), [norm(gradient) for gradient in gradients]
