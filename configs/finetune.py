"""Stage 3, the recipe: frozen InceptionV3, then everything after `mixed8` at 1e-5.

Dropout 0.6, L2, TrivialAugmentWide (arXiv 2103.10158) and flip test-time augmentation. On 2,930
photos of tf_flowers: test accuracy 0.928 +- 0.006, with TTA 0.936 +- 0.002 (3 seeds), 11 minutes on 2
cores with AMX (2026-11-25).

  python train.py --config=configs/finetune.py --workdir=runs/finetune
"""

import ml_collections


def get_config():
    """The config, every field of the recipe with its default."""
    config = ml_collections.ConfigDict()
    config.seed = 0  # of the training: head, dropout, order of the photos

    config.data = ml_collections.ConfigDict()
    config.data.source = "tfds:tf_flowers"  # or folder:PATH (one folder a class), or synthetic
    config.data.data_dir = ""  # of TFDS; "" is TFDS_DATA_DIR, or else TFDS's default
    config.data.image_size = 299  # pixels, side of the square that the network sees
    config.data.batch_size = 32  # photos
    config.data.validation_fraction = 0.1  # of each class; every choice is made on it
    config.data.test_fraction = 0.1  # of each class; looked at once, at the end
    config.data.split_seed = 0  # which photo goes where
    config.data.twin_distance = 8  # bits of a 64-bit perceptual hash; nearer photos share a part
    config.data.shuffle_labels = False  # a check: with random labels accuracy must fall to chance
    config.data.synthetic_photos = 1000  # how many flowers are drawn, for source synthetic

    config.augment = ml_collections.ConfigDict()
    config.augment.policy = "trivial_wide"  # or none
    config.augment.flip_and_crop = True  # mirrored or not, and 70 to 100 % of the photo's area
    config.augment.seed = 0  # which draw each photo gets in each epoch

    config.model = ml_collections.ConfigDict()
    config.model.weights = "imagenet"  # or "" for random, or the path of a Keras .h5 file
    config.model.hidden_units = 1024  # of the dense layer between features and classes
    config.model.dropout = 0.6  # rate, after the hidden layer
    config.model.l2 = 1e-4  # penalty on both kernels of the head
    config.model.unfreeze_from = "mixed8"  # phase 2 trains what comes after this layer
    config.model.train_batch_norm = False  # whether BatchNorm after that layer trains as well

    config.frozen = ml_collections.ConfigDict()  # phase 1: the head alone
    config.frozen.epochs = 12
    config.frozen.learning_rate = 1e-3  # Adam

    config.finetune = ml_collections.ConfigDict()  # phase 2
    config.finetune.epochs = 12
    config.finetune.learning_rate = 1e-5  # Adam

    config.features = ml_collections.ConfigDict()
    config.features.views = 4  # augmented views of each photo kept; 0: a fresh one every epoch
    config.features.cache_dir = ""  # where; "" is the folder "features" beside the run

    config.evaluation = ml_collections.ConfigDict()
    config.evaluation.tta = True  # also average each photo with its mirror image
    config.evaluation.shift_photos = 60  # test photos tried in 18 changed conditions; 0: none

    config.runtime = ml_collections.ConfigDict()
    config.runtime.dtype_policy = "auto"  # bfloat16 where the machine has it; float32, mixed_bfloat16
    config.runtime.deterministic = False  # results repeat bit for bit, a little slower
    return config.lock()
