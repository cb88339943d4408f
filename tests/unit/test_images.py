import io
import math
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from toolkit.decoding import decode_image
from toolkit.errors import UnreadableImageError
from toolkit.images import fit_geometry, read_image, release_arrays, resize, unreadable_reason
from toolkit.manifest import Location

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest resets the filter of toolkit.decoding

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
WIDTH, HEIGHT = 48, 32


def quadrants(mode="RGB"):
    """Red top left, green top right, blue bottom left, white bottom right."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    top, left = HEIGHT // 2, WIDTH // 2
    pixels[:top, :left], pixels[:top, left:] = RED, GREEN
    pixels[top:, :left], pixels[top:, left:] = BLUE, WHITE
    return Image.fromarray(pixels).convert(mode)


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def corners(pixels):
    """Colours in the middle of the four quadrants, as `(4, 3)` int."""
    h, w = pixels.shape[:2]
    return np.array([pixels[y, x] for y in (h // 4, 3 * h // 4) for x in (w // 4, 3 * w // 4)]).astype(int)


def png_with_header(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    for name, data in ((b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content


def transparent_palette():
    image = quadrants().quantize(4)
    image.info["transparency"] = image.getpixel((0, 0))  # red becomes transparent
    return image


def with_alpha():
    image = quadrants("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, WIDTH // 2, HEIGHT // 2))
    image.paste((0, 0, 0, 128), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    return image


def grey_steps(top_value, dtype):
    """0, a quarter, half and all of `top_value` in the four quadrants."""
    steps = np.array([[0, top_value / 4], [top_value / 2, top_value]])
    return Image.fromarray(np.kron(steps, np.ones((HEIGHT // 2, WIDTH // 2))).astype(dtype))


COLOURS = [RED, GREEN, BLUE, WHITE]
GREYS = [(76,) * 3, (150,) * 3, (29,) * 3, WHITE]
STEPS = [(0,) * 3, (63,) * 3, (127,) * 3, WHITE]
KINDS = {
    "jpeg": (encode(quadrants(), "JPEG", quality=95, subsampling=0), COLOURS, 6),
    "progressive jpeg": (encode(quadrants(), "JPEG", quality=95, progressive=True, subsampling=0), COLOURS, 6),
    "grey jpeg": (encode(quadrants("L"), "JPEG", quality=95), GREYS, 6),
    "cmyk jpeg": (encode(quadrants("CMYK"), "JPEG", quality=95), COLOURS, 6),
    "png": (encode(quadrants(), "PNG"), COLOURS, 0),
    "grey png": (encode(quadrants("L"), "PNG"), GREYS, 0),
    "bilevel png": (encode(grey_steps(255, np.uint8).convert("1", dither=Image.Dither.NONE), "PNG"),
                    [(0,) * 3, (0,) * 3, (0,) * 3, WHITE], 0),
    "palette png": (encode(quadrants().quantize(4), "PNG"), COLOURS, 0),
    "palette png with transparency": (encode(transparent_palette(), "PNG"), [WHITE, GREEN, BLUE, WHITE], 0),
    "alpha png": (encode(with_alpha(), "PNG"), [WHITE, (127,) * 3, BLUE, WHITE], 1),
    "grey and alpha png": (encode(with_alpha().convert("LA"), "PNG"), [WHITE, (127,) * 3, (29,) * 3, WHITE], 1),
    "16-bit png": (encode(grey_steps(65535, np.uint16), "PNG"), STEPS, 1),
    "16-bit tiff": (encode(grey_steps(65535, np.uint16), "TIFF"), STEPS, 1),
    "float tiff from 0 to 1": (encode(grey_steps(1.0, np.float32), "TIFF"), STEPS, 1),
    "float tiff from 0 to 255": (encode(grey_steps(255.0, np.float32), "TIFF"), STEPS, 1),
    "tiff": (encode(quadrants(), "TIFF"), COLOURS, 0),
    "lzw tiff": (encode(quadrants(), "TIFF", compression="tiff_lzw"), COLOURS, 0),
    "jpeg tiff": (encode(quadrants(), "TIFF", compression="jpeg", quality=95), COLOURS, 6),
    "cmyk tiff": (encode(quadrants("CMYK"), "TIFF"), COLOURS, 0),
    "gif": (encode(quadrants(), "GIF"), COLOURS, 0),
    "gif with transparency": (encode(transparent_palette(), "GIF"), [WHITE, GREEN, BLUE, WHITE], 0),
    "animated gif": (encode(quadrants(), "GIF", save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT))]),
                     COLOURS, 0),
    "bmp": (encode(quadrants(), "BMP"), COLOURS, 0),
    "webp": (encode(quadrants(), "WEBP", quality=95), COLOURS, 40),
    "lossless webp with alpha": (encode(with_alpha(), "WEBP", lossless=True), [WHITE, (127,) * 3, BLUE, WHITE], 1),
    "ppm": (encode(quadrants(), "PPM"), COLOURS, 0),
    "jpeg 2000": (encode(quadrants(), "JPEG2000"), COLOURS, 0),
}  # fmt: skip
OFTEN = ["jpeg", "cmyk jpeg", "png", "palette png", "gif", "bmp", "webp", "tiff", "lzw tiff", "jpeg tiff", "ppm"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_becomes_rgb(kind, tmp_path):
    content, expected, tolerance = KINDS[kind]
    file = tmp_path / "picture"
    file.write_bytes(content)
    pixels = read_image(Location(file))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert np.abs(corners(pixels) - np.array(expected)).max() <= tolerance


def test_16_bit_colour_keeps_the_high_byte():
    # Pillow cannot write one: a PNG of one row, filter 0, big-endian samples
    header = b"IHDR" + struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    samples = b"\0" + struct.pack(">6H", 0xFFFF, 0x80FF, 0x0100, 0x00FF, 0x7F00, 0xFE01)
    content = b"\x89PNG\r\n\x1a\n"
    for chunk in (header, b"IDAT" + zlib.compress(samples), b"IEND"):
        content += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert decode_image(content).tolist() == [[[255, 128, 1], [0, 127, 254]]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind, orientation):
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
            7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    stored = quadrants()
    if orientation in undo:
        stored = stored.transpose(Image.Transpose[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    pixels = decode_image(encode(stored, kind, exif=exif, **options))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(corners(pixels) - np.array(COLOURS)).max() <= 6


BROKEN_EXIF = encode(quadrants(), "JPEG", quality=95, subsampling=0, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")


def test_broken_exif_data_do_not_make_a_picture_unreadable():
    assert np.abs(corners(decode_image(BROKEN_EXIF)) - np.array(COLOURS)).max() <= 6


def test_damaged_files_print_nothing(tmp_path):
    damaged = bytearray(KINDS["jpeg"][0])
    damaged[-60:-50] = bytes(10)
    for name, content in [("exif", BROKEN_EXIF), ("jpeg", bytes(damaged)), ("tiff", KINDS["lzw tiff"][0][:600])]:
        (tmp_path / name).write_bytes(content)
    script = (
        "import sys; from pathlib import Path; from toolkit.images import *\n"
        f"for file in Path({str(tmp_path)!r}).iterdir():\n"
        " try: read_image(Location(file))\n"
        " except UnreadableImageError: pass\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_the_short_way_of_plain_jpegs_gives_the_pixels_of_the_long_one():
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (37, 51, 3), np.uint8))
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"quality": 30, "optimize": True}):
        for picture in (image, image.convert("L")):
            content = encode(picture, "JPEG", **options)
            with Image.open(io.BytesIO(content)) as reference:
                assert np.array_equal(decode_image(content), np.asarray(reference.convert("RGB")))


@pytest.mark.parametrize("name", ["zelle ü 細胞.jpg", "with space.JPG", "no_ending", "wrong.png", "a%20b#?.jpg"])
def test_file_names_and_endings_do_not_matter(tmp_path, name):
    (tmp_path / name).write_bytes(KINDS["jpeg"][0])
    assert read_image(Location(tmp_path / name)).shape == (HEIGHT, WIDTH, 3)


def test_a_file_name_that_is_no_unicode_is_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    (tmp_path / name).write_bytes(KINDS["jpeg"][0])
    assert read_image(Location(tmp_path / name)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("content, reason", [
    (b"", "empty file"),
    (b"<html>404 Not Found</html>", "not an image"),
    (b"\0" * 500, "not an image"),
    (b"%PDF-1.4 ...", "not an image"),
    (b"BMW is not a picture. " * 20, "not an image"),
    (png_with_header(60_000, 60_000), "decompression bomb: 60000×60000 pixels"),
    (png_with_header(10_001, 10_000), "decompression bomb: 10001×10000 pixels"),
    (KINDS["jpeg"][0].replace(struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", 60_000, 65_000), 1),
     "decompression bomb: 65000×60000 pixels"),
    (KINDS["cmyk jpeg"][0].replace(struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", 60_000, 65_000), 1),
     "decompression bomb: 65000×60000 pixels"),
    (b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + KINDS["gif"][0][10:], "decompression bomb: 65000×65000 pixels"),
])  # fmt: skip
def test_what_cannot_be_decoded_says_why(tmp_path, content, reason, capfd):
    file = tmp_path / "bad.jpg"
    file.write_bytes(content)
    with pytest.raises(UnreadableImageError) as caught:
        read_image(Location(file))
    assert unreadable_reason(caught.value) == reason
    assert str(caught.value) == f"{file}: {reason}"
    assert capfd.readouterr().err == ""


def test_missing_files_and_folders_say_so(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    for name, reason in [("none.jpg", "missing"), ("folder.jpg", "cannot be opened"), ("folder.jpg/x.jpg", "missing")]:
        with pytest.raises(UnreadableImageError, match=reason):
            read_image(Location(tmp_path / name))


@pytest.mark.parametrize("kind", ["jpeg", "progressive jpeg", "grey jpeg", "png", "palette png", "tiff", "bmp", "webp",
                                  "ppm"])  # fmt: skip
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.98])
def test_truncated_files_are_recognised(kind, part, capfd):
    content = KINDS[kind][0]
    with pytest.raises(UnreadableImageError, match=r"^truncated$"):
        decode_image(content[: int(len(content) * part)])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["gif", "lzw tiff", "jpeg tiff", "cmyk jpeg", "jpeg 2000"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_other_truncated_files_are_unreadable_too(kind, part, capfd):
    content = KINDS[kind][0]
    with pytest.raises(UnreadableImageError):
        decode_image(content[: int(len(content) * part)])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp"])
def test_bytes_after_the_end_do_no_harm(kind):
    content = KINDS[kind][0]
    assert np.array_equal(decode_image(content + b"\0trailing\xff\xd8" * 20), decode_image(content))


def test_a_flipped_bit_in_a_png_is_noticed():
    content = bytearray(
        encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)), "PNG")
    )
    content[len(content) // 2] ^= 1
    with pytest.raises(UnreadableImageError, match="damaged"):
        decode_image(bytes(content))


@pytest.mark.parametrize("kind", OFTEN)
def test_random_damage_never_crashes_or_prints(kind, capfd):
    @settings(max_examples=60, deadline=None, database=None)
    @given(st.data())
    def damaged(data):
        content = bytearray(KINDS[kind][0])
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
        try:
            pixels = decode_image(bytes(content[:cut]))
        except UnreadableImageError as error:
            assert str(error)
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3

    damaged()
    assert capfd.readouterr().err == ""


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b""])
)
def test_random_bytes_decode_or_say_why(content, start):
    try:
        pixels = decode_image(start + content)
    except UnreadableImageError as error:
        assert str(error)
    else:
        assert pixels.shape[2] == 3


@pytest.fixture
def save_npz(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    yield save
    release_arrays()


@pytest.mark.parametrize("shape", [(3, 8, 6), (3, 8, 6, 1), (3, 8, 6, 3)])
def test_rows_of_arrays_become_rgb(save_npz, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    pixels = read_image(Location(save_npz(images=images), "images", 2))
    assert pixels.shape == (8, 6, 3)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.broadcast_to(images[2].reshape(8, 6, -1), (8, 6, 3)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_range_of_floats_is_decided_by_the_whole_array(save_npz, dtype):
    fractions = np.full((2, 4, 4, 3), 0.5, dtype)
    bright = fractions.copy()
    bright[1, 0, 0, 0] = 200.0
    file = save_npz(fractions=fractions, bright=bright)
    assert read_image(Location(file, "fractions", 0))[0, 0, 0] == 128
    assert read_image(Location(file, "bright", 0))[0, 0, 0] == 1
    assert read_image(Location(file, "bright", 1))[0, 0, 0] == 200


def test_odd_numbers_in_arrays_are_clipped(save_npz, capfd):
    values = np.array([np.nan, np.inf, -np.inf, -5, 300, 7.6], np.float32).reshape(1, 1, 6)
    file = save_npz(floats=values, words=np.array([[[0, 65535, 0x1234]]], np.uint16), bools=np.array([[[True, False]]]),
                    ints=np.array([[[-3, 20, 999]]], np.int64))  # fmt: skip
    assert read_image(Location(file, "floats", 0))[0, :, 0].tolist() == [0, 255, 0, 0, 255, 8]
    assert read_image(Location(file, "words", 0))[0, :, 0].tolist() == [0, 255, 0x12]
    assert read_image(Location(file, "bools", 0))[0, :, 0].tolist() == [255, 0]
    assert read_image(Location(file, "ints", 0))[0, :, 0].tolist() == [0, 20, 255]
    assert capfd.readouterr().err == ""


def test_faults_of_arrays_say_what_is_wrong(save_npz, tmp_path):
    file = save_npz(objects=np.array([{}], object), five=np.zeros((2, 4, 4, 5), np.uint8), text=np.array(["a"]),
                    good=np.zeros((2, 4, 4), np.uint8))  # fmt: skip
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes(file.read_bytes()[:-200])
    for place, reason in [
        (Location(file, "objects", 0), "cannot be read"),
        (Location(file, "five", 0), r"\(2, 4, 4, 5\)"),
        (Location(file, "text", 0), "not numbers"),
        (Location(file, "none", 0), "holds no array 'none'"),
        (Location(file, "good", 2), "2 rows, none numbered 2"),
        (Location(tmp_path / "text.npz", "a", 0), "cannot be read"),
        (Location(tmp_path / "cut.npz", "a", 0), "cannot be read"),
        (Location(tmp_path / "absent.npz", "a", 0), "missing"),
    ]:
        with pytest.raises(UnreadableImageError, match=reason):
            read_image(place)


def test_a_changed_array_is_read_again(save_npz):
    first = save_npz(images=np.zeros((1, 4, 4), np.uint8))
    assert read_image(Location(first, "images", 0)).max() == 0
    second = save_npz(images=np.full((2, 4, 4), 9, np.uint8))
    assert read_image(Location(second, "images", 0)).max() == 9


def resampled_axis(pixels, length):
    """The documented formula along the first axis, in plain NumPy."""
    n = len(pixels)
    if n == length:
        return pixels
    scale = n / length
    reach = max(scale, 1.0)
    result = np.empty((length, *pixels.shape[1:]), np.uint8)
    for i in range(length):
        centre = (i + 0.5) * scale
        old = range(max(0, int(centre - reach + 0.5)), min(n, int(centre + reach + 0.5)))
        weights = [max(0.0, 1 - abs((j - centre + 0.5) / reach)) for j in old]
        whole = np.array([int(weight / sum(weights) * 2**22 + 0.5) for weight in weights], np.int64)
        total = np.tensordot(whole, pixels[old.start : old.stop].astype(np.int64), 1)
        result[i] = np.clip((2**21 + total) >> 22, 0, 255)
    return result


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.sampled_from(["squash", "pad", "crop"]),
       st.integers(0, 9))  # fmt: skip
def test_resizing_is_its_documented_formula_to_the_bit(height, width, size, mode, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    new_height, new_width, top, left = fit_geometry(height, width, size, mode)
    rows = resampled_axis(image.swapaxes(0, 1), new_width).swapaxes(0, 1)
    scaled = resampled_axis(rows, new_height)
    if mode == "pad":
        expected = np.zeros((size, size, 3), np.uint8)
        expected[top : top + new_height, left : left + new_width] = scaled
    else:
        expected = scaled[top : top + size, left : left + size]
    assert np.array_equal(resize(image, size, mode), expected)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 600), st.sampled_from(["squash", "pad", "crop"]))
def test_geometry_keeps_aspect_and_centre(height, width, size, mode):
    new_height, new_width, top, left = fit_geometry(height, width, size, mode)
    if mode == "squash":
        assert (new_height, new_width, top, left) == (size, size, 0, 0)
        return
    side = max(height, width) if mode == "pad" else min(height, width)
    assert new_height == max(1, math.floor(height * size / side + 0.5))
    assert new_width == max(1, math.floor(width * size / side + 0.5))
    if mode == "pad":
        assert max(new_height, new_width) == size
        assert (top, left) == ((size - new_height) // 2, (size - new_width) // 2)
    else:
        assert min(new_height, new_width) == size
        assert (top, left) == ((new_height - size) // 2, (new_width - size) // 2)


def test_a_picture_of_the_right_size_is_returned_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    for mode in ("squash", "pad", "crop"):
        assert resize(image, 24, mode) is image


def test_a_thread_of_a_picture_cannot_be_cropped_out_of_memory():
    thread = np.zeros((1, 60_000, 3), np.uint8)
    with pytest.raises(UnreadableImageError, match="too elongated"):
        resize(thread, 224, "crop")
    assert resize(thread, 224, "pad").shape == resize(thread, 224, "squash").shape == (224, 224, 3)
