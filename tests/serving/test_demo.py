"""demo: the page, over plain HTTP and in a real browser."""

import base64
import concurrent.futures
import hashlib
import http.client
import http.server
import io
import json
import pathlib
import re
import shutil
import socket
import threading
import time
import types
import urllib.parse
import zipfile

import numpy as np
import pytest
from PIL import Image

from configs import finetune
from flowers_keras import demo, user_paths
from flowers_keras.errors import UserError
from flowers_keras.model import explain, image_statistics, inference, novelty, overlays
from flowers_keras.photos import decoding, reader, sources, synthetic, tables
from flowers_keras.serving import correction_list, hosts, page_app, page_server
from tests import browsing
from tests.conftest import SIZE

CLASS_NAMES = ("tulips", "<b>daisy</b>", "roses")


@pytest.fixture(scope="module")
def loaded(light_pristine):
    model, weights = light_pristine
    model.set_weights(weights)
    card = {"class_names": CLASS_NAMES, "image_size": SIZE, "recipe": {"data": {"batch_size": 8}}}
    return inference.Classifier(model, card)


class Served:
    """A server and where it listens."""

    def __init__(self, loaded, corrections, *allowed):
        self.corrections = corrections
        self.listening = hosts.listen("127.0.0.1", 0)
        self.port = self.listening.getsockname()[1]
        self.url = hosts.page_url("127.0.0.1", self.port)
        self.server = page_server.Server(
            loaded, hosts.make_hosts("127.0.0.1", allowed), self.listening, corrections
        )


@pytest.fixture(scope="module")
def running(loaded, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "corrections.csv"
    with pytest.MonkeyPatch.context() as patch:
        # Starting must ask no name server.
        for name in ("getfqdn", "gethostbyaddr", "gethostbyname", "create_connection"):
            patch.setattr(socket, name, lambda *_: pytest.fail("a call that may leave the machine"))
        served = Served(loaded, path, "Flowers.example", "*.hub.example")
        served.server.__enter__()
    yield served
    served.server.__exit__()


@pytest.fixture
def server(running):
    """The server, without corrections yet."""
    yield running
    shutil.rmtree(running.corrections.with_suffix(""), ignore_errors=True)
    running.corrections.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def photo():
    return synthetic.photo_bytes(3, 0, 160)


def ask(server, method, path, body=None, **headers):
    """(status, headers, body) of a request; headers of None are left out."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    default = {"Host": f"127.0.0.1:{server.port}"}
    default |= {} if body is None else {"Content-Length": str(len(body))}
    for name, value in (default | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    found = reply.status, reply.headers, reply.read()
    connection.close()
    return found


def test_a_form_around_the_photo_is_told_apart_from_no_photo(server, photo):
    form = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo + b"\r\n--x--\r\n"
    for path in ("/predict", f"/correct?label={CLASS_NAMES[1]}"):
        status, _, body = ask(server, "POST", path, form, Content_Type="multipart/form-data; boundary=x")
        assert status == 415 and b"curl --data-binary @photo.jpg" in body


def test_page_is_whole_and_asks_for_nothing_elsewhere(server):
    status, headers, body = ask(server, "GET", "/")
    page, policy = body.decode(), headers["Content-Security-Policy"]
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy
    (nonce,) = set(re.findall(r"'nonce-([\w-]+)'", policy))
    assert len(nonce) > 20 and page.count(f'nonce="{nonce}"') == 2
    assert nonce not in ask(server, "GET", "/")[2].decode()
    assert not re.search(r"https?://|//\w|@import|\bsrc=\"(?!data:)", page)
    assert "&lt;b&gt;daisy&lt;/b&gt;" in page and "<b>daisy" not in page
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers
    assert ask(server, "HEAD", "/")[2] == b""


def test_photo_gets_the_answer_of_the_classifier(server, loaded, photo):
    status, headers, body = ask(server, "POST", "/predict", photo)
    assert status == 200 and headers["Content-Type"] == "application/json"
    answer = json.loads(body)
    (expected,) = loaded.predict([photo])
    order = np.argsort(-expected, kind="stable")
    assert [each["name"] for each in answer["classes"]] == [CLASS_NAMES[k] for k in order]
    assert [each["probability"] for each in answer["classes"]] == expected[order].tolist()
    kind, _, data = answer["heat_map"].partition(",")
    assert kind == "data:image/jpeg;base64" and answer["photo"].startswith(kind)
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format == "JPEG" and image.size == (160, 160)
    square = next(loaded.answer([photo])).square[None]
    heat = explain.heat_maps(loaded.model, square, order[:1])[0]
    explained = overlays.explain_picture(decoding.read_pixels(photo), heat).astype(int)
    assert abs(np.asarray(image).astype(int) - explained).mean() < 4


def test_photo_unlike_anything_known_is_called_so(loaded, photo, monkeypatch):
    assert page_app.answer_photo(loaded, photo)["novelty"] is None  # a model without training photos
    width = image_statistics.WIDTH + loaded.model.get_layer("pooled").output.shape[-1] + 1
    far = novelty.Reference(np.zeros((5, width), np.float16), np.zeros(12, np.float32))
    monkeypatch.setattr(loaded, "reference", far)
    answer = page_app.answer_photo(loaded, photo)
    assert answer["novelty"]["unlike"] and answer["novelty"]["score"] == 12 / 13
    json.dumps(answer, allow_nan=False)


def correct(server, data, label, **headers):
    """(status, reply)"""
    place = f"/correct?label={urllib.parse.quote(label)}"
    status, _, body = ask(server, "POST", place, data, **headers)
    return status, json.loads(body)


def test_a_correction_is_kept_and_a_next_run_takes_it(server, photo):
    other = synthetic.photo_bytes(1, 0, 90)
    status, reply = correct(server, photo, "roses")
    name = f"corrections/{hashlib.sha256(photo).hexdigest()}.png"
    folder = server.corrections.parent
    assert status == 200
    assert reply == {
        "photo": str(folder / name),
        "list": str(server.corrections),
        "label": "roses",
        "count": 1,
    }
    assert correct(server, other, "<b>daisy</b>")[1]["count"] == 2
    assert correct(server, photo, "tulips")[1]["count"] == 2  # who presses another button means that
    assert (folder / name).read_bytes() == photo
    data = finetune.get_config().data
    data.source, data.synthetic_photos = "synthetic", 15
    data.corrections = str(server.corrections)
    with pytest.raises(UserError, match="'<b>daisy</b>', which is not a class"):
        sources.load_photos(data)
    assert correct(server, other, "roses")[0] == 200
    photos = sources.load_photos(data)
    assert [photos.class_names[k] for k in photos.labels[15:]] == ["tulips", "roses"]
    assert [photos.read(15), photos.read(16)] == [photo, other]
    data.source, data.corrections = f"csv:{server.corrections}", ""
    assert sources.load_photos(data).class_names == ("roses", "tulips")


def test_corrections_that_cannot_be_kept_are_refused_and_leave_nothing(server, loaded, photo, monkeypatch):
    assert correct(server, photo, "cats") == (
        422,
        {"error": "'cats' is not a class of this model; name one as /correct?label=NAME"},
    )
    assert correct(server, b"text", "roses") == (422, {"error": reason_of(b"text")})
    assert correct(server, photo, "roses", Origin="http://evil.example")[0] == 403
    assert correct(server, photo, "roses", Host="evil.example")[0] == 403
    monkeypatch.setattr(correction_list, "LARGEST_FOLDER", 10)
    assert "is full" in correct(server, photo, "roses")[1]["error"]
    assert ask(server, "GET", "/correct?label=roses")[0] == 405
    assert not server.corrections.exists() and not server.corrections.with_suffix("").exists()
    server.corrections.write_text("id,label\n")
    assert "does not begin with path,label" in correct(server, photo, "roses")[1]["error"]
    assert server.corrections.read_text() == "id,label\n"


def test_corrections_of_many_at_once_are_all_kept(server):
    photos = [synthetic.photo_bytes(i, 0, 60) for i in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda photo: correct(server, photo, "roses")[0], photos))
    assert found == [200] * 6
    assert len(tables.read_table(server.corrections, ("path", "label"))) == 6
    kept = server.corrections.parent.iterdir()
    assert {path.name for path in kept} == {"corrections", "corrections.csv"}  # no lock is left


def test_a_page_without_corrections_keeps_none(loaded):
    app = page_app.make_app(loaded, hosts.make_hosts("127.0.0.1"), None)
    assert [route.path for route in app.routes] == ["/", "/predict"]
    with pytest.raises(UserError, match="--corrections=x.txt is not a CSV file"):
        correction_list.list_path("x.txt", None)


def refused(server, method, path, body=None, **headers):
    """(status, reason)"""
    status, _, body = ask(server, method, path, body, **headers)
    return status, json.loads(body)["error"]


def test_what_is_no_photo_is_refused_with_its_reason(server, photo, monkeypatch):
    assert refused(server, "POST", "/predict", b"text") == (422, reason_of(b"text"))
    assert refused(server, "POST", "/predict", b"") == (422, "empty file")
    assert refused(server, "POST", "/predict", photo[:2000]) == (422, reason_of(photo[:2000]))
    assert refused(server, "POST", "/predict", photo, Content_Length=None)[0] == 422  # it has no body
    for path in ("/elsewhere", "/predict/", "/../etc/passwd", "//evil.example"):
        assert refused(server, "POST", path, photo)[0] == refused(server, "GET", path)[0] == 404
    assert refused(server, "GET", "/predict")[0] == refused(server, "POST", "/", photo)[0] == 405
    assert "POST /predict, which takes the bytes" in refused(server, "GET", "/predict")[1]
    monkeypatch.setattr(page_app, "LARGEST_UPLOAD", 1 << 20)
    assert refused(server, "POST", "/predict", bytes((1 << 20) + 1)) == (413, "larger than 1 MiB")
    assert ask(server, "POST", "/predict", photo)[0] == 200  # and it lives


def reason_of(data):
    with pytest.raises(reader.BrokenPhoto) as broken:
        decoding.read_pixels(data)
    return str(broken.value)


def converse(server, sent, pause=0.0):
    """The status and the body of a reply to bytes, sent as they are, the parts `pause` seconds apart."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            for part in sent:
                connection.sendall(part)
                time.sleep(pause)
        except ConnectionError:
            pass  # it has replied and hung up
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return reply.status, reply.read()


START = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("length", ["9" * 5000, "1" + "0" * 18, str((50 << 20) + 1), "-1", "1e3", "x", "٣"])
def test_length_that_cannot_be_is_refused(server, length, capfd):
    head = START + f"Content-Length: {length}\r\n\r\n".encode()
    status, _ = converse(server, [head])
    assert status == (413 if length.isascii() and length.isdigit() and len(length) <= 20 else 400)
    assert capfd.readouterr() == ("", "")


def test_upload_without_a_length_is_counted(server, photo, loaded, monkeypatch):
    def pieces(data):
        parts = [data[i : i + 10_000] for i in range(0, len(data), 10_000)]
        return [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]

    head = START + b"Transfer-Encoding: chunked\r\n\r\n"
    status, body = converse(server, [head, *pieces(photo)])
    assert status == 200
    assert json.loads(body)["classes"][0]["probability"] == loaded.predict([photo]).max()
    monkeypatch.setattr(page_app, "LARGEST_UPLOAD", 1 << 20)
    assert converse(server, [head, *pieces(bytes((1 << 20) + 1))])[0] == 413


def test_slow_uploads_end_and_leave_their_places_to_others(server, photo, monkeypatch):
    monkeypatch.setattr(page_app, "PATIENCE", 2)
    head = START + b"Content-Length: 1000\r\n\r\n"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [
            pool.submit(converse, server, [head, *[b"x"] * 30], pause=0.2) for _ in range(page_app.UPLOADS)
        ]
        time.sleep(0.5)
        assert ask(server, "POST", "/predict", photo)[0] in (200, 503)  # it waits its turn for as long
        assert [each.result()[0] for each in slow] == [408] * page_app.UPLOADS
    assert ask(server, "POST", "/predict", photo)[0] == 200


def test_pages_of_others_are_refused(server, photo):
    """Neither a name that was pointed at this machine (DNS rebinding) nor another page gets in."""
    port = server.port

    def status(host, origin=None, method="POST"):
        path = {"POST": "/predict", "GET": "/"}[method]
        return ask(server, method, path, photo, Host=host, Origin=origin)[0]

    assert status(f"127.0.0.1:{port}", f"http://127.0.0.1:{port}") == 200
    assert status(f"localhost:{port}", f"http://localhost:{port}") == status(f"[::1]:{port}") == 200
    for host in (f"evil.example:{port}", "127.0.0.1.evil.example", "", "[::1", "a@evil.example"):
        assert status(host) == status(host, method="GET") == 403
    assert status(None) == 400
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert status(f"127.0.0.1:{port}", origin) == 403


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        ("flowers.example", "http://flowers.example", True),
        ("FLOWERS.example.:7860", None, True),
        ("flowers.example", "https://flowers.example", True),  # a proxy that speaks TLS
        ("flowers.example:8443", "https://flowers.example:8443", True),
        ("127.0.0.1:{port}", "https://flowers.example", True),  # one that passes on another Host
        ("user-1.hub.example", "https://user-1.hub.example", True),
        ("hub.example", None, False),
        ("evilhub.example", None, False),
        ("flowers.example.evil.example", None, False),
        ("flowers.example", "https://evil.example", False),
        ("flowers.example", "ftp://flowers.example", False),
        ("flowers.example", "https://flowers.example@evil.example", False),
        ("flowers.example", "https://evil.example/flowers.example", False),
        ("flowers.example", "null", False),
    ],
)
def test_allowed_hosts(server, host, origin, welcome):
    status, _, body = ask(server, "GET", "/", Host=host.format(port=server.port), Origin=origin)
    assert status == (200 if welcome else 403)
    if not welcome:
        assert "localhost" not in json.loads(body)["error"] and "127" not in json.loads(body)["error"]


def test_a_refusal_says_what_helps_whoever_started_the_page(server):
    _, reason = refused(server, "GET", "/", Host="lab.example:7860")
    assert (
        reason == "this page does not answer to the name lab.example; start it with --allow-host lab.example"
    )
    _, reason = refused(server, "GET", "/", Origin="https://lab.example")
    assert reason.endswith("if lab.example is a proxy of this page, start it with --allow-host lab.example")


@pytest.mark.parametrize(
    "typed, sent",
    [
        ("https://flowers.example:8443/page", "flowers.example"),
        ("Flowers.Example.", "flowers.example:443"),
        ("flowers.example:7860", "flowers.example"),
        ("m\u00fcnchen.example", "xn--mnchen-3ya.example"),
        ("*.proxy.example", "a.proxy.example"),
        ("::1", "[::1]:7860"),
    ],
)
def test_a_host_may_be_typed_as_people_have_it(typed, sent):
    allowed = hosts.make_hosts("127.0.0.1", [typed])
    assert allowed.refusal(sent, f"https://{sent}") is None
    assert allowed.refusal("other.example", None)


@pytest.mark.parametrize("typed", ["", "*", "https://", "a b:c:d", "x" * 300])
def test_what_is_no_host_is_refused_before_keras_is_loaded(typed, monkeypatch):
    monkeypatch.setattr(user_paths, "model_file", lambda text: text)
    with pytest.raises(UserError, match="is not a name of a server"):
        demo.main(["--model=x", f"--allow-host={typed}"])


def test_everywhere_answers_to_the_name_of_this_machine():
    name = f"{socket.gethostname()}:80"
    assert hosts.make_hosts("0.0.0.0").refusal(name, f"http://{name}") is None
    assert hosts.make_hosts("127.0.0.1").refusal(f"{socket.gethostname()}.local", None)


def test_many_at_once_get_their_own_answers(server, loaded):
    photos = [synthetic.photo_bytes(i, 0, 90) for i in range(4)]
    expected = [loaded.predict([photo]).max() for photo in photos]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda photo: json.loads(ask(server, "POST", "/predict", photo)[2]), photos)
        assert [each["classes"][0]["probability"] for each in found] == expected
    assert len(set(expected)) == 4


def test_who_hangs_up_leaves_no_trace(server, photo, capfd):
    for sent in (b"", b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(sent)
    assert ask(server, "POST", "/predict", photo)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_port_that_is_taken_is_one_line(server):
    with pytest.raises(UserError, match=f"--port={server.port} .*--port=0"):
        hosts.listen("127.0.0.1", server.port)
    with pytest.raises(UserError, match="--port=99999"):
        hosts.listen("127.0.0.1", 99999)


def test_command_serves_until_it_is_stopped(loaded, monkeypatch, capsys, tmp_path):
    def wait(server):
        shown = capsys.readouterr().out
        port = int(re.search(r"open http://127\.0\.0\.1:(\d+) in a browser", shown)[1])
        statuses.append(ask(types.SimpleNamespace(port=port), "GET", "/", Host="lab.example")[0])
        raise KeyboardInterrupt

    statuses, before = [], threading.active_count()
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    monkeypatch.setattr(inference, "load_classifier", lambda path: loaded)
    monkeypatch.setattr(page_server.Server, "wait", wait)
    assert demo.main([f"--model={tmp_path}", "--port=0", "--allow-host=lab.example"]) == 0
    assert statuses == [200] and threading.active_count() == before


# In a real browser.


@pytest.fixture(params=browsing.SCREENS, ids=["desktop", "phone"])
def page(request, browser, server):
    """The page just opened, on a wide and on a narrow screen; nothing may go wrong in it."""
    browsing.emulate(browser, *request.param)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(server.url)
    yield browser
    # A reply of 422 is logged as an error too; a breach of the policy would be another one.
    wrong = [each["message"] for each in browser.get_log("browser") if "422" not in each["message"]]
    assert wrong == []
    asked = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]
    asked = [
        each["params"]["request"]["url"] for each in asked if each["method"] == "Network.requestWillBeSent"
    ]
    assert asked and all(url.startswith((server.url, "data:")) for url in asked)


@pytest.fixture(scope="module")
def files(tmp_path_factory, photo):
    folder = tmp_path_factory.mktemp("files")
    (folder / "rose <i>.png").write_bytes(photo)
    (folder / "other.png").write_bytes(synthetic.photo_bytes(1, 0, 90))
    (folder / "text.jpg").write_text("no photo")
    (folder / "empty.png").touch()
    return folder


def by_id(page, name):
    return page.find_element("id", name)


def choose(page, *paths):
    by_id(page, "file").send_keys("\n".join(map(str, paths)))


def drop(page, *paths):
    """Drags files from outside onto the page."""
    data = {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 260, "data": data})
        if kind == "dragOver":
            assert "over" in page.find_element("tag name", "body").get_attribute("class")


def paste(page, *paths):
    """What a browser does for Ctrl-V with files in the clipboard."""
    found = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.execute_script(
        """const clipboardData = new DataTransfer();
        for (const [name, data] of arguments[0])
          clipboardData.items.add(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt())], name));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));""",
        found,
    )


def take(page, *paths):
    """With the camera of a phone, which browsers elsewhere replace by a choice of files."""
    assert by_id(page, "camera").get_attribute("capture") == "environment"
    by_id(page, "camera").send_keys("\n".join(map(str, paths)))


def wait_for(page, *titles):
    """The articles of the answers, as soon as they have these titles' beginnings."""
    from selenium.webdriver.support.ui import WebDriverWait

    def there(_):
        found = [each.text for each in page.find_elements("css selector", "#results h2")]
        return len(found) == len(titles) and all(map(str.startswith, found, titles))

    WebDriverWait(page, 60).until(there)
    WebDriverWait(page, 60).until(lambda _: by_id(page, "results").get_attribute("aria-busy") is None)
    return page.find_elements("css selector", "#results article")


def expected_title(loaded, photo):
    (expected,) = loaded.predict([photo])
    return f"{CLASS_NAMES[expected.argmax()]}, {100 * expected.max():.1f} %"


@pytest.mark.parametrize("give", [choose, drop, paste, take])
def test_browser_shows_what_is_on_a_photo(page, loaded, photo, files, give):
    give(page, files / "rose <i>.png")
    (answer,) = wait_for(page, expected_title(loaded, photo))
    (expected,) = loaded.predict([photo])
    assert answer.find_element("class name", "file").text == "rose <i>.png"
    rows = answer.find_elements("css selector", ".classes li")
    assert [row.find_element("tag name", "b").text for row in rows] == [
        CLASS_NAMES[k] for k in np.argsort(-expected, kind="stable")
    ]
    values = [float(row.find_element("tag name", "data").get_attribute("value")) for row in rows]
    assert values == sorted(expected.tolist(), reverse=True)
    for name in ("photo", "heat"):
        picture = answer.find_element("class name", name)
        assert page.execute_script("return arguments[0].naturalWidth", picture) == 160
        assert picture.is_displayed() and picture.get_attribute("alt")
    assert browsing.fits(page) and not answer.find_element("class name", "unlike").is_displayed()
    assert "over" not in page.find_element("tag name", "body").get_attribute("class").split()


@pytest.mark.parametrize("give", [choose, drop, paste])
def test_browser_takes_several_photos_at_once(page, loaded, photo, files, give):
    give(page, files / "rose <i>.png", files / "text.jpg", files / "other.png")
    titles = [
        expected_title(loaded, photo),
        "text.jpg",
        expected_title(loaded, synthetic.photo_bytes(1, 0, 90)),
    ]
    answers = wait_for(page, *titles)
    assert [each.find_element("class name", "file").text for each in answers[::2]] == [
        "rose <i>.png",
        "other.png",
    ]
    assert re.fullmatch(r"3 photos: .*1 not usable.*\.", by_id(page, "status").text)
    assert browsing.fits(page)
    choose(page, files / "other.png")
    wait_for(page, titles[2])  # no old answer beside a new photo


def test_browser_warns_of_a_photo_unlike_anything_known(page, loaded, photo, files, monkeypatch):
    width = image_statistics.WIDTH + loaded.model.get_layer("pooled").output.shape[-1] + 1
    far = novelty.Reference(np.zeros((5, width), np.float16), np.zeros(12, np.float32))
    monkeypatch.setattr(loaded, "reference", far)
    choose(page, files / "rose <i>.png")
    (answer,) = wait_for(page, "Unlike anything it was trained on")
    words = answer.find_element("class name", "unlike").text
    assert words.startswith("It may be none of these classes; the nearest is ") and "(Score 0.923; " in words
    assert browsing.fits(page)
    buttons = answer.find_elements("css selector", ".buttons > button")
    assert {each.text for each in buttons} == set(CLASS_NAMES)


def test_browser_saves_a_correction_when_a_button_is_pressed(page, server, loaded, photo, files):
    from selenium.webdriver.support.ui import WebDriverWait

    choose(page, files / "rose <i>.png")
    (answer,) = wait_for(page, expected_title(loaded, photo))
    assert not server.corrections.exists()
    order = np.argsort(-loaded.predict([photo])[0], kind="stable")
    said = answer.find_element("class name", "correct")
    assert f"saves the photo, and your answer in {server.corrections}" in said.text
    buttons = answer.find_elements("css selector", ".buttons > button")
    assert [each.text for each in buttons] == [CLASS_NAMES[k] for k in order[1:]]
    name = f"{hashlib.sha256(photo).hexdigest()}.png"
    for button, label in zip(buttons, order[1:], strict=True):
        button.click()
        words = f"Saved as {CLASS_NAMES[label]}, in {server.corrections} (1 photo)"
        WebDriverWait(page, 60).until(lambda _, words=words: words in said.text)
        assert button.get_attribute("aria-pressed") == "true"
        rows = tables.read_table(server.corrections, ("path", "label"))
        assert rows == [(2, {"path": f"corrections/{name}", "label": CLASS_NAMES[label]})]
    assert (server.corrections.parent / "corrections" / name).read_bytes() == photo
    assert browsing.fits(page)


def test_browser_refuses_a_wrong_file_and_goes_on(page, loaded, photo, files):
    choose(page, files / "text.jpg")
    wait_for(page, f"text.jpg cannot be used: {reason_of(b'no photo')}.")
    choose(page, files / "empty.png")
    wait_for(page, "empty.png cannot be used: it is empty")
    choose(page, files / "rose <i>.png")
    wait_for(page, expected_title(loaded, photo))


class Below(http.server.BaseHTTPRequestHandler):
    """Shows the page of `self.server.behind` below /tools/flowers, as nginx by
    "location /tools/flowers { proxy_pass http://127.0.0.1:7860/; }" does."""

    def forward(self):
        path = "/" + self.path.removeprefix("/tools/flowers")
        assert self.path.startswith("/tools/flowers"), self.path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        status, headers, reply = ask(self.server.behind, self.command, path, body)
        self.send_response(status)
        for name in ("Content-Type", "Content-Security-Policy"):
            self.send_header(name, headers[name])
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


def test_browser_finds_the_page_below_a_path_of_a_proxy(browser, server, loaded, files):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Below) as proxy:
        proxy.behind = server
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_port}/tools/flowers"
        for place in (address, f"{address}/"):
            browser.get(place)
            choose(browser, files / "other.png")
            wait_for(browser, expected_title(loaded, (files / "other.png").read_bytes()))
            shown = browser.find_elements("css selector", "pre")[0].get_attribute("textContent")
            assert shown == f"curl --data-binary @photo.jpg {address}/predict"
        proxy.shutdown()


def test_browser_works_by_keyboard_and_is_announced(page):
    from selenium.webdriver.common.keys import Keys

    page.find_element("tag name", "body").send_keys(Keys.TAB)
    focused = page.switch_to.active_element
    assert focused.get_attribute("id") == "file" and focused.accessible_name.startswith("Drop photos")
    label = page.find_element("class name", "drop")
    assert label.value_of_css_property("outline-style") == "solid"
    assert by_id(page, "status").get_attribute("aria-live") == "polite"
    assert page.find_element("tag name", "html").get_attribute("lang") == "en"


def test_browser_finds_the_page_accessible(page, loaded, photo, files):
    assert browsing.violations(page) == []
    choose(page, files / "rose <i>.png", files / "text.jpg")
    wait_for(page, expected_title(loaded, photo), "text.jpg")
    page.find_element("tag name", "summary").click()
    assert browsing.violations(page) == []
    page.execute_script("document.querySelector('.photo').removeAttribute('alt')")
    assert [rule for rule, _ in browsing.violations(page)] == ["image-alt"]


def test_each_colour_of_the_page_is_in_its_palette():
    values = dict.fromkeys(("nonce", "place", "formats"), "") | dict.fromkeys(("shown", "most", "largest"), 1)
    page = page_app.Page(None, None).template.render(class_names=["a"], corrections=None, **values)
    used = set(re.findall(r"var\((--\w+)\)", page))
    assert used and used <= set(re.findall(r"(--\w+):", page))


def test_text_stands_out_in_both_schemes():
    """WCAG AA: 4.5 to 1 for text on each of the grounds."""
    style = (pathlib.Path(page_server.__file__).parents[1] / "report" / "palette.css").read_text()
    for scheme in re.findall(r":root \{(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--(\w+): #(\w{6})", scheme))
        for ground in ("paper", "raised", "wash"):
            for text in ("ink", "soft", "bad", "accent"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["edge"], colours["paper"]) >= 3


def contrast(one, other):
    def lightness(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((lightness(one), lightness(other)))
    return (high + 0.05) / (low + 0.05)
