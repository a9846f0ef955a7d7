"""Stage 1, the whole network trained at a high rate, without augmentation: 90.4 %, 38 minutes.

What the user first did: no augmentation, no L2, dropout 0.5, and in phase 2 the whole backbone, with its
BatchNorm, at the learning rate of a new head. The network memorises the training photos and forgets what
ImageNet taught it; the other configs are measured against it. Every step goes through the whole network,
so epochs are expensive and few. On 2,930 photos of tf_flowers: test accuracy 0.904 (one seed), 38 CPU
minutes (2026-11-25).

  python train.py --config=configs/baseline.py --workdir=runs/baseline
"""

from configs import finetune


def get_config():
    """The recipe's config with what the baseline did differently."""
    config = finetune.get_config()
    config.augment.policy = "none"
    config.augment.flip_and_crop = False

    config.model.dropout = 0.5
    config.model.l2 = 0.0
    config.model.unfreeze_from = "rescaling"  # the whole backbone
    config.model.train_batch_norm = True

    config.frozen.epochs = 3
    config.finetune.epochs = 4
    config.finetune.learning_rate = config.frozen.learning_rate

    config.features.views = 0  # nothing is frozen that could be stored
    config.evaluation.tta = False
    return config
