"""The pipeline: which pixels reach the network, and what happens when a photo cannot be read."""

import base64
import dataclasses
import zlib

import keras
import ml_collections
import numpy as np
import pytest
import tensorflow as tf

from flowers_keras.augment import training_views, trivial_augment
from flowers_keras.augment.operations import OPERATIONS
from flowers_keras.errors import UserError
from flowers_keras.photos import pipeline, reader, resize, synthetic
from tests.conftest import photos_of

# Encoded once and kept as bytes, so that no encoder's version moves them.
GOLDEN_PHOTOS = {
    "jpeg": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAAYEBQYFBAYGBQYHBwYI"
        "ChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgo"
        "KCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAoADADASIAAhEBAxEB/8QAGwAAAgMBAQEA"
        "AAAAAAAAAAAAAAYDBwgFAgT/xAAuEAABAwMDAwMCBgMAAAAAAAABAgMRAAQhBRIxBgdBEyJRcfAUFSOBscEyQmH/xAAYAQEBAQEB"
        "AAAAAAAAAAAAAAAEAwUAAv/EACMRAAICAgECBwAAAAAAAAAAAAECABEDIQQFMRITMkFRcfD/2gAMAwEAAhEDEQA/AKicbAclIweJ"
        "+/uK8KG1PPjzUz6sAp8ZE049u+jnNeU3qLqlNsMvQA41ubcgAwT480PFjbM3hECWCjcQZhcj/IiZqJQ+DP8AX2K0Hf8ATHSKbazt"
        "b8aew8gLa2KfS2QVFWTmTBUY+opN6r7Z6pd69cuaKlh2wLSXi+VhKSSOB/OPHmlNxHUa39SYzKT8SrCNnM58EVGvlI59pj5qfYof"
        "pqB3gwcRmvBSCgGBJmQfv/lFlrqda3dYbumXLxsuMJIK0JMFQ8itEWl5aWvbxm86Z0250xN4tLSMKSEyTuUAo/G6FTAwZgTWc7hJ"
        "9yR8zWje2t831f0a5pL2vXV5fMNJduH3WyPw6ySUAKKRuAKfnMKyBSOMSUZV0SNQmcErqJT3qMLLdjbLCGVFSHG0hSEnaJkgAgwO"
        "SASUzKdpCnbt6+2jWF2K3Wvyy4QpxtuE+mgpJIj3QQUzMSCUTmST8GrdLaszewvTrpaylSkvMLLqXMRk85T7TKUZWcxmmPonpy40"
        "R5eqaulq1WlKmLZkoCi2kwdywkwFQnxkSqSZxndP4/ITkA0RXf8Ae8AgN9pRHdjSdH0bqh5nTL26vX3F+rcuOoCUAqz7T/tzyMUj"
        "qGQFAk7YM/TP9029zdSOqdYXyxcMO26VQ3+HJ9IAc7ckc+Rg0qLTCUknOAfOYpmcjzDU1k9IudVSd58KzmOaLK+1DTFvfl109a+q"
        "nav0l7dw/b+fr80UVJSQdTwDLS0nvHrC2793UUs+r+EUlpSEmA9uJR7c4AMfXNcnrPubqfUFzplzYOXOmPstRctNOfpuOYO4J4I5"
        "wZ5IzRRVX5OSqucuNbOpXD+5y4UtwAlySogRyR+wqF2NivkGcUUVAG+8tP/Z"
    ),
    "progressive": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxO"
        "UlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
        "T09PT09PT0//wgARCAAoADADASIAAhEBAxEB/8QAGgAAAgMBAQAAAAAAAAAAAAAAAAQBAwUCBv/EABcBAQEBAQAAAAAAAAAAAAAA"
        "AAIDAQD/2gAMAwEAAhADEAAAAcmOmxNGN5RZlkwVdv8AnvQoJucMSnhpNq0taAc06gXZ0Ad//8QAIRAAAgIBAwUBAAAAAAAAAAAA"
        "AgMBBAAQERITICExMkH/2gAIAQEAAQUC70J55Kk7MrFJ6eN4mIr+sR92RAG6V56ySUe6VyGWC5O0iSHBuHjbJMn9z//EABgRAQAD"
        "AQAAAAAAAAAAAAAAABAAAREC/9oACAEDAQE/AZp0UYf/xAAbEQABBAMAAAAAAAAAAAAAAAABAAIQEgMRMf/aAAgBAgEBPwEDapDV"
        "ja6yPYsY/8QAJBAAAQIFAwUBAAAAAAAAAAAAAQACEBESIVEiMWEDEyAyQoH/2gAIAQEABj8C86kA6lGjaN1PptLZqwVPyVpJOY0d"
        "wkjfhep/FU+2EbiXEdJkjVhNLZtzH//EAB8QAQACAwABBQAAAAAAAAAAAAEAESExQRAgUWGBof/aAAgBAQABPyFM+pjVWAemGYiE"
        "xuo9Ua3dz48CAmzsG33RG8MR0iNhRYcI4HXKTHhgog1pPpCfsV3FMXArU3U4483llt0xw6XrXvyPAgYDhY5s9jqf/9oADAMBAAIA"
        "AwAAABD0uwxPAICH/8QAGBEBAQEBAQAAAAAAAAAAAAAAAQAREDH/2gAIAQMBAT8Q0ILwOQN4iBvP/8QAGREBAAMBAQAAAAAAAAAA"
        "AAAAAQARITEQ/9oACAECAQE/EGdEUc3y1IdgBlTtDI0Vfn//xAAfEAEAAwACAgMBAAAAAAAAAAABABEhMUFRcWGBsaH/2gAIAQEA"
        "AT8QDR3HCXvzGVXMevUfZ9RVTw9tHzClW1E6b59XC5r76HEp5G8SsuVGFwNLCVRYJV8uvi9lxWLYFhhd1VYfzqqTJXSgWGnfFc12"
        "e4+2sRZ3HuPV7lQukMlHkhbo0XSefMpS6ijDjv6zg5YnJwX2o1qGXR+7stAE8jT1v5EwV9xL+Yrn9YrIEmwQwv0lRx/uAHj3Lppq"
        "5yT/2Q=="
    ),
    "cmyk": (
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJT"
        "UjI+WmFaUGBKUVJP/8AAFAgAFAAYBEMRAE0RAFkRAEsRAP/EABoAAAMBAQEBAAAAAAAAAAAAAAAFBgQDBwH/xAApEAACAQMEAQMD"
        "BQAAAAAAAAABAgMABBEFEiExBhNBcVFhgRQiI0KR/9oADgRDAE0AWQBLAAA/AI+2tnubgQQLudufgUit7WW7uhBbpudufge5qO07"
        "T7nVL5LW0TfI3PwPc16dWq70K6iTdEVnOQCsfJHHuK2Xnjl9BFuj23HIG2LkjIzyKb3/AIdqNrEXgeO9IIBSD9zLkZ5HtRSo8DFJ"
        "CpqbI7yMEUVQeMFnnubZCqyyRERnAzu+gPdVnhzg3tzbZUSSxH0zhdxP0BPPX0qw8Ed3l1CyheOO5ntmEDEKG3Y6DE5/z5ophpVn"
        "dxaohMEiKjZcspAC++apLO2mjv1/jYKrZYkYCj7/AIrX4vpWrW/kkLfpp4VjY+szqVXb7gn3zRU1qZjfUbgwqqR+ocBeu68+1Yxt"
        "ql0YEVIxIdoXrGaldfaF9cvTbRokQmYKEGBwfk0VzyykOrFWHRBwa+tlSHRmVgeCpwRXFWaNxJE7I69MpwRRW99a1Ga39CW7kZDy"
        "cnnvPdbptc1Oa1W3lvJGRuTk85Bz3TS58o1qazFrLfysjDk5w3ByDn8UUufjP3pS/wDakbEkknk90V//2Q=="
    ),
    "png16": (
        "iVBORw0KGgoAAAANSUhEUgAAAAwAAAAIEAAAAAC4H51uAAAALklEQVR42mNmYGBazcLIdo1tDQcj13WuNTxMfNf51gowsSiwMLEw"
        "szBjkINTAgA0EAi7KKYnlAAAAABJRU5ErkJggg=="
    ),
    "png_alpha": (
        "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAHBAMAAAAotXpTAAAAMFBMVEUpSCMbNBCUz8dxmpxMbWFEnzAxVDN9sLeg2s86WkJchHxT"
        "r0SGrrKBubqGscYbNxSEPN34AAAAEHRSTlM6L7RuTnpCksJBXod/qJowH93JpAAAADNJREFUeNpjZGD89+k/E2OSEwMDA+fbcn4B"
        "hs+qQQc/MDGwMRQoMPH+NZD7wJDwy0SAAQATqwzA9BTu2QAAAABJRU5ErkJggg=="
    ),
    "webp": (
        "UklGRrYBAABXRUJQVlA4IKoBAACQCACdASowACgAPtFco06oJSKiKrVcAQAaCWQArz+FfcW1AdVTmv++s5jx+xXXKanJtpqV5R/y"
        "nMawpMLRHVVfU8ykEs5+cqK6ac6XAAD+97BsJVC5pJN+k0Yt7MPXLhoO2Zy2s78sh/1O+drWwaUTvlErpvYC6oPElV/0FnHic2zK"
        "xTUX/vpo9DRYb3mANxhdWUQFGEtd/7uXY/OdiI1erfp2fgmZnpsH8DVRGGtZtfKGJuYlsxwAr+aobmXWcRapk+bqnZWajz28coCL"
        "RIupwKdj+lVru+IznnYz7J/jP/4xskkiNg4eZcAPCcARKjGDqdvdXBj56N/zrKHX1c5i77DUdiVFks/rqDRj0L1+0EmIlsgRqyPn"
        "n66eVdBx7z76N2Pv2eJ6KWw3rCSQRrgX320EcMEfTqJcZTwmhkM447emeUx47p5Vtgqij9WINFG3XG581rfmI3Bt9Y0wmOIgV5Oj"
        "ElFYjdPvQxHLWrDG+mJiSXOntW9lKuqaPZr2BmxgE4jCYkhlcT1HiBFU09wx+mcLo64Usl+Aa+uu2hyD1N/DUJ3xbERoAAA="
    ),
    "webp_alpha": (
        "UklGRj4CAABXRUJQVlA4WAoAAAAQAAAAFwAAEwAAQUxQSIgBAAANkGTbtqk9R+/d37Zt1hyXknJGGpB2pEu2bdu2jXdxTjciIhb+"
        "EwEixAR5YaCKZMqenJqpQWKk/wJoCICYyCAvQEBBMQqRF8JgHBFVjBIFADQkFcCYSDNFNkMNOux6rln9AwhIzlPKEsX8r+TljUOx"
        "za6/+CDqjJRAY5agGFjx9DZW4vCrVHPLA8dSDwmBYMB+fbj927Vtnnl26G0uGog5amWP//PoZk9Zdmu0S+pul6jzgJFlau3TW6c2"
        "fi790H2gfq6+5fzfyAKg+PDe4t+28mcllSXNV8fWPzlNohGM0xsd8nWf682eNvz+9fzdTC6JDAFLx5/VvuBopEEqUu2XgGhIgYtt"
        "Y9O1H7p+/pGPK55//zRYUjiPDAqTb79tuHaluvrbmu+vfpcCK0niyPnZrVvydS2PYPzL89e/BiqSBC4wSxb+7/2zKZ8Nv85fmyjr"
        "csEQWRmF/K5/LzoGvtb1HdQV7YVTtcRqBujisX/mzowv/1GJCMCWKEOkSBRe/m9/NCVKqpCAAFZQOCCQAAAA8AQAnQEqGAAUAD7t"
        "bq9SKaYkIqgIATAdiWgAnTKEcAAU4/0O6+QflLvO/93pkmoAAP7Y4wMotm3lraZRQOsUYHptBC3yiddl1dLuNmR0su6m1iYsONUH"
        "Qk0qHPbtN0DuLHkNZKHMevK3W9sy0c8dXn1gmWuwba1hG1eseKVhOGwPHc0PdFWeo6beaBx+YAAA"
    ),
    "gif": (
        "R0lGODdhGAAUAIIAAKPa4l+pbD5lSSpLJShEHyFBHyA7HB41GiwAAAAAGAAUAEAI5AAHFBhIoGDBAgYQGjBwoCHDAw8HDCAwQACA"
        "iwICZAwQACPEgQolSixAgOPFkwA4CjBAgGRBAxIpvhSQUaIAhBAXNtwZc0DHlByDmgRwM+FCmBMNHlwI8qjOhwdEIsyIEiNNpwdw"
        "xqRKVCPNoBcDDEgYUqIBi2GFohzbsmUBkSMPVhRQUWTLpARgulQKUiFUnTwn4s3L0KnRnYGTSvwZdsBOwwxjImQM9qRjo2VLnhSa"
        "Ea1GgQMTxjzgWWjllUYXxoSZlrNlo4TtSqxaNQDIpXAFJhx68e3EtwaR5hZJV7Ddg3kDAgA7"
    ),
}
LEVEL = 20  # of the operations that are pinned
PINNED = (
    2,
    {
        "read jpeg": "52f0f477",
        "read progressive": "10eff2db",
        "read cmyk": "cee4c741",
        "read png16": "949550b1",
        "read png_alpha": "d8d488d2",
        "read webp": "8ba17179",
        "read webp_alpha": "9d41597a",
        "read gif": "9cedc607",
        "resized": "823ec407",
        "Identity": "52f0f477",
        "ShearX": "3a805caf",
        "ShearY": "9cac2594",
        "TranslateX": "fa7bd303",
        "TranslateY": "6bac5f59",
        "Rotate": "012022eb",
        "Brightness": "f692e3cb",
        "Color": "aa0d09ee",
        "Contrast": "bb8fbce7",
        "Sharpness": "91a5ec86",
        "Posterize": "650835c0",
        "Solarize": "ea676fb5",
        "AutoContrast": "7210fccb",
        "Equalize": "645ca51a",
        "view, policy none": "f87e3d71",
        "view, policy trivial_wide": "3b57db6b",
    },
)  # (PIXELS_VERSION, digests)


def digest(photo):
    """CRC-32 of a photo's shape and values."""
    photo = np.asarray(photo)
    return f"{zlib.crc32(repr(photo.shape).encode() + photo.tobytes()):08x}"


def digests():
    """The digest of each golden photo as it is read, resized and augmented, and of each operation."""
    photos = {name: reader.read_photo(base64.b64decode(data)) for name, data in GOLDEN_PHOTOS.items()}
    found = {f"read {name}": digest(photo) for name, photo in photos.items()}
    photo = photos["jpeg"]
    found["resized"] = digest(resize.resize(photo, 31))
    for operation in OPERATIONS:
        changed = trivial_augment.apply_operation(photo, operation.name, operation.magnitudes[LEVEL])
        found[operation.name] = digest(changed)
    settings = ml_collections.ConfigDict({"policy": "none", "flip_and_crop": True, "seed": 3})
    for policy in ("none", "trivial_wide"):
        settings.policy = policy
        augmentation = training_views.make_augmentation(settings, 32)
        found[f"view, policy {policy}"] = digest([augmentation(photo, 1, index) for index in range(8)])
    return found


def test_pixels_are_those_of_their_version():
    """Stored features of an older version are computed anew only where the version was raised."""
    version, pinned = PINNED
    found = digests()
    changed = [name for name in found if found[name] != pinned.get(name)]
    assert not changed, "these values moved: raise pipeline.PIXELS_VERSION, then pin it and the new digests"
    assert found.keys() == pinned.keys() and version == pipeline.PIXELS_VERSION


def vanishing(after):
    """12 photos of which number 7, `roses/7 .jpg`, is gone once `after` photos have been read."""
    datas = [synthetic.photo_bytes(i, 0, 8) for i in range(12)]
    photos, reads = photos_of(datas, [i % 3 for i in range(12)]), []

    def read(position):
        reads.append(position)
        if position == 7 and len(reads) > after:
            raise reader.BrokenPhoto("no such file or directory")
        return datas[position]

    names = tuple(f"roses/{i}\n.jpg" for i in range(12))
    return dataclasses.replace(photos, read=read, ids=names)


def fit(batches, **options):
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(batches, epochs=2, verbose=0, **options)


def resized(photo, epoch, position):
    return resize.resize(photo, 8)


def fit_with_validation(photos):
    labels = pipeline.label_batches(photos.labels, 5)
    validation = pipeline.pair(pipeline.plain_batches(photos, range(12), 8, 5), labels)
    fit(tf.data.Dataset.zip(validation), validation_data=validation)


@pytest.mark.parametrize(
    "consume",
    [
        lambda photos: list(pipeline.plain_batches(photos, range(12), 8, 5).as_numpy_iterator()),
        lambda photos: list(pipeline.view_batches(photos, range(12), 1, 5, resized)),
        lambda photos: fit(
            pipeline.training_batches(photos, range(12), 8, 5, resized, 0, range(2)), steps_per_epoch=3
        ),
        fit_with_validation,
        lambda photos: pipeline.read_pixels(photos, 7),
    ],
    ids=["plain", "views", "fit", "validation", "one"],
)
@pytest.mark.parametrize("after", [0, 10])
def test_a_photo_that_vanishes_during_a_run_is_named_in_one_line(consume, after):
    photos = vanishing(after)
    with pytest.raises(UserError) as caught, pipeline.photo_errors():
        for _ in range(3):
            consume(photos)
            [photos.read(0) for _ in range(12)]
    assert str(caught.value) == (
        "the photo roses/7 .jpg cannot be read any more: no such file or directory; "
        "put it back as it was, or start a new run without it"
    )


def test_other_errors_of_tensorflow_stay_what_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError), pipeline.photo_errors():
        tf.reshape(tf.zeros(3), [2])
