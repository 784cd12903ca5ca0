"""The places that a lake can be in: a folder, and buckets of two servers, alike in every way."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from sekisho.lake import place
from sekisho.lake.place import LakeError
from sekisho.lake.stores import policies, s3_trouble
from sekisho.lake.stores.store import Changed, Denied, FolderStore, Store, open_store

from .faulty_s3 import Fault, FaultyS3
from .s3_servers import Moto, S3Server

KEY = "usage/dt=2026-03-01/a.parquet"


@pytest.fixture(scope="module")
def faulty(real: S3Server) -> Iterator[FaultyS3]:
    """rclone's server behind a proxy that misbehaves."""
    with FaultyS3.before(real) as proxy:
        yield proxy


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process's AWS clients ask that server."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", "rclone", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty lake in each kind of place."""
    if request.param == "folder":
        return open_store((tmp_path / "the lake's 100%*[1]").as_uri())
    server: S3Server = request.getfixturevalue("real" if request.param == "rclone" else "emulator")
    use(server, monkeypatch)
    return open_store(f"s3://{server.bucket}/{tmp_path.name}/{request.node.name[:20]}")


def file(folder: Path, content: bytes) -> Path:
    """A file with that content."""
    path = folder / f"{len(content)}-{len(list(folder.iterdir()))}.tmp"
    path.write_bytes(content)
    return path


def read(store: Store, key: str, folder: Path) -> bytes | None:
    """An object's content, None when there is none."""
    path = folder / "read.tmp"
    return path.read_bytes() if store.fetch(key, path) is not None else None


def test_what_is_put_is_there(store: Store, tmp_path: Path) -> None:
    """An object can be stored, replaced, read, listed and deleted."""
    assert read(store, KEY, tmp_path) is None
    assert store.list("usage/") == []
    store.put(KEY, file(tmp_path, b"one"))
    store.put(KEY, file(tmp_path, b"three"))
    assert read(store, KEY, tmp_path) == b"three"
    store.delete(KEY)
    store.delete(KEY)
    assert read(store, KEY, tmp_path) is None
    assert store.list("") == []


def test_a_listing_is_by_key_and_of_the_prefix(store: Store, tmp_path: Path) -> None:
    """Keys are relative to the lake, a prefix may end in the middle of a name, sizes are right."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    keys = ("usage/dt=2026-03-02/b.parquet", KEY, "usage/dt=2026-04-01/c.parquet", "payload/x")
    for key in keys:
        store.put(key, file(tmp_path, b"12345"))
    found = store.list("usage/dt=2026-03-")
    assert [(item.key, item.size) for item in found] == [
        ("usage/dt=2026-03-01/a.parquet", 5),
        ("usage/dt=2026-03-02/b.parquet", 5),
    ]
    assert all(item.changed >= before for item in found)
    assert [item.key for item in store.list("usage/")] == sorted(keys)[1:]


def test_a_tag_is_the_same_in_a_listing_and_a_download(store: Store, tmp_path: Path) -> None:
    """A cache can tell by a listing whether what it has is what is there; new content, new tag."""
    store.put(KEY, file(tmp_path, b"one"))
    first = store.fetch(KEY, tmp_path / "read")
    assert [item.tag for item in store.list("usage/")] == [first]
    store.put(KEY, file(tmp_path, b"two"))
    assert store.fetch(KEY, tmp_path / "read") != first


def test_a_large_file_arrives_whole(store: Store, tmp_path: Path) -> None:
    """One that goes in parts is the same afterwards."""
    content = os.urandom(1 << 20) * 20
    store.put(KEY, file(tmp_path, content))
    assert read(store, KEY, tmp_path) == content


@pytest.mark.parametrize("store", ["folder", "moto"], indirect=True)
def test_replacing_needs_what_was_read(store: Store, tmp_path: Path) -> None:
    """Who read another version, or thought there was none, changes nothing and is told."""
    store.replace(KEY, file(tmp_path, b"one"), None)
    with pytest.raises(Changed, match=f"{KEY} was changed by another process; try again"):
        store.replace(KEY, file(tmp_path, b"other"), None)
    tag = store.fetch(KEY, tmp_path / "read")
    store.replace(KEY, file(tmp_path, b"two"), tag)
    with pytest.raises(Changed):
        store.replace(KEY, file(tmp_path, b"other"), tag)
    assert read(store, KEY, tmp_path) == b"two"
    tag = store.fetch(KEY, tmp_path / "read")
    store.delete(KEY)
    with pytest.raises(Changed):
        store.replace(KEY, file(tmp_path, b"other"), tag)
    assert read(store, KEY, tmp_path) is None


def test_of_many_replacements_at_once_one_succeeds(tmp_path: Path) -> None:
    """In a folder, too, comparing and replacing are one step."""
    store = FolderStore(tmp_path / "lake")
    source = file(tmp_path, b"x")
    fates: list[str] = []

    def attempt() -> None:
        try:
            store.replace(KEY, source, None)
            fates.append("done")
        except Changed:
            fates.append("changed")

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(fates) == ["changed"] * 15 + ["done"]


def test_a_replacement_whose_reply_is_lost_is_known_as_ours(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try is refused, because the first one was stored: that is success."""
    emulator.reset()
    with FaultyS3.before(emulator) as proxy:
        use(proxy.server, monkeypatch)
        store = open_store(emulator.lake)
        proxy.next("lost")
        store.replace(KEY, file(tmp_path, b"one"), None)
        assert read(store, KEY, tmp_path) == b"one"
        tag = store.fetch(KEY, tmp_path / "read")
        proxy.next("lost")
        store.replace(KEY, file(tmp_path, b"two"), tag)
        assert read(store, KEY, tmp_path) == b"two"


def test_a_folder_never_shows_half_a_file(tmp_path: Path) -> None:
    """What a killed process left behind is in no listing, and goes when it is old."""
    store = FolderStore(tmp_path / "lake")
    store.put(KEY, file(tmp_path, b"one"))
    folder = tmp_path / "lake" / "usage" / "dt=2026-03-01"
    fresh, old = folder / ".a.parquet.1.draft", folder / ".a.parquet.2.draft"
    fresh.write_bytes(b"ha")
    old.write_bytes(b"ha")
    os.utime(old, (0, 0))
    assert [item.key for item in store.list("")] == [KEY]
    store.put(KEY, file(tmp_path, b"two"))
    assert sorted(path.name for path in folder.iterdir()) == [".a.parquet.1.draft", "a.parquet"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    """The error names the file, what is wrong with it, and what to do."""
    store = FolderStore(tmp_path / "lake")
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(LakeError, match=r"Not a directory: .*; make room there or mend the folder"):
        store.put(KEY, file(tmp_path, b"one"))
    with pytest.raises(LakeError, match=r"'\.\./x' is no key"):
        store.delete("../x")


@pytest.mark.parametrize("fault", ["503", "lost", "cut", "late", "hang"])
def test_a_fault_is_tried_again(
    fault: Fault, faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refused, lost, cut or hanging request is followed by one that stores the object."""
    use(faulty.server, monkeypatch)
    faulty.always(None)
    faulty.journal.clear()
    store = open_store(faulty.server.lake, read_seconds=2)
    faulty.next(fault)
    store.put(KEY, file(tmp_path, fault.encode()))
    assert read(store, KEY, tmp_path) == fault.encode()
    answered = [seen for seen in faulty.journal if seen.method == "PUT" and seen.status == 200]
    assert [seen.key for seen in answered] == [f"lake/{KEY}"]


def test_a_denied_request_is_not_tried_again(
    faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the right that is missing, where, and the policy that gives it."""
    use(faulty.server, monkeypatch)
    store = open_store(faulty.server.lake)
    faulty.always("403")
    faulty.journal.clear()
    with pytest.raises(Denied) as caught:
        store.put(KEY, file(tmp_path, b"x"))
    faulty.always(None)
    assert str(caught.value) == (
        "lake s3://company-lake/lake: s3:PutObject on company-lake/lake/usage/* is denied "
        "(Access Denied); give this role the policy of: sekisho logs iam --role writer (keeper, "
        "for compacting and restating)"
    )
    assert len(faulty.journal) == 1


def test_a_server_that_is_away_is_one_clear_line(
    faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line tells the variables that decide where requests go."""
    use(faulty.server, monkeypatch)
    store = open_store(faulty.server.lake, attempts=1)
    faulty.away()
    try:
        with pytest.raises(LakeError) as caught:
            store.put(KEY, file(tmp_path, b"x"))
    finally:
        faulty.back()
    assert not isinstance(caught.value, Denied)
    assert str(caught.value) == (
        "lake s3://company-lake/lake: can't connect; check network and proxy "
        f"(AWS_REGION=ap-northeast-1, AWS_ENDPOINT_URL_S3={faulty.server.url})"
    )


def test_a_server_that_never_answers_is_given_up(
    faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many seconds and tries the line says that there was no answer."""
    use(faulty.server, monkeypatch)
    faulty.always("hang")
    store = open_store(faulty.server.lake, read_seconds=0.2, attempts=2)
    with pytest.raises(LakeError, match="no answer in time; check network and proxy"):
        store.put(KEY, file(tmp_path, b"x"))
    faulty.always(None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", r"credentials are refused \(SignatureDoesNotMatch\)"),
        ("AWS_ACCESS_KEY_ID", "AKIANOBODY", r"credentials are refused \(InvalidAccessKeyId\)"),
        ("AWS_ACCESS_KEY_ID", None, r"no AWS credentials \(.*\); log in as for the AWS tools"),
        ("AWS_PROFILE", "nobody", r"no AWS credentials \(.*nobody.*\); log in as"),
    ],
)
def test_bad_credentials_are_told_apart(
    name: str,
    value: str | None,
    message: str,
    real: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None at all, unknown ones and wrong ones each have their own line."""
    use(real, monkeypatch)
    if value is None:
        monkeypatch.delenv(name)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(Denied, match=message):
        open_store(real.lake).put(KEY, file(tmp_path, b"x"))


def test_a_bucket_that_does_not_exist(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the setting to look at."""
    use(emulator, monkeypatch)
    with pytest.raises(Denied, match="there is no such bucket; check SEKISHO_LAKE"):
        open_store("s3://nobodys-bucket/x").put(KEY, file(tmp_path, b"x"))


def test_rights_decide_action_by_action(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may only put can put, and learns which right each other action needs."""
    emulator.reset()
    statement = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{emulator.bucket}/lake/usage/*",
    }
    writer = emulator.user({"Version": "2012-10-17", "Statement": [statement]})
    emulator.enforce()
    use(writer, monkeypatch)
    store = open_store(emulator.lake)
    try:
        store.put(KEY, file(tmp_path, b"x"))
        with pytest.raises(Denied, match=r"s3:PutObject on company-lake/lake/payload/\* is denied"):
            store.put("payload/dt=2026-03-01/a.parquet", file(tmp_path, b"x"))
        with pytest.raises(Denied, match=r"s3:GetObject on .* is denied .* --role reader"):
            store.fetch(KEY, tmp_path / "read")
        with pytest.raises(Denied, match=r"s3:ListBucket on company-lake/lake/usage/ is denied"):
            store.list("usage/")
        with pytest.raises(Denied, match=r"s3:DeleteObject on .* is denied .* --role keeper"):
            store.delete(KEY)
    finally:
        emulator.enforce(on=False)


@pytest.mark.parametrize(
    "url", ["s3:///x", "s3://bucket:1/x", "s3://b/x?y", "s3://u@b/x", "file:x", "/a/path"]
)
def test_what_is_no_lake_is_refused(url: str) -> None:
    """A URL that can be no lake is refused before anything is asked of it."""
    with pytest.raises(LakeError, match=r"write (file:///absolute/folder or )?s3://bucket/prefix"):
        place.check(url)
    with pytest.raises(LakeError):
        open_store(url)


def test_a_secret_in_a_url_is_not_shown() -> None:
    """Who writes credentials into the lake's URL doesn't find them in a log."""
    with pytest.raises(LakeError, match=r"^SEKISHO_LAKE=s3://bucket/x: write s3://bucket/prefix$"):
        place.check("s3://AKIA1:secret@bucket/x")


def test_a_lake_may_be_a_whole_bucket(
    real: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a prefix keys begin with the table's name."""
    use(real, monkeypatch)
    open_store(f"s3://{real.bucket}").put("usage/whole", file(tmp_path, b"x"))
    assert real.keys("usage/") == ["usage/whole"]


@pytest.mark.parametrize(
    ("code", "status", "headers", "message"),
    [
        ("PermanentRedirect", 301, {"x-amz-bucket-region": "eu-west-1"}, "is in eu-west-1; set"),
        ("AuthorizationHeaderMalformed", 400, {}, "is in another region; set AWS_REGION to it"),
        ("RequestTimeTooSkewed", 403, {}, "this machine's clock is wrong; set it (NTP)"),
        ("ExpiredToken", 400, {}, "the AWS credentials are refused (ExpiredToken); renew them"),
        ("InternalError", 500, {}, "s3:PutObject on b/usage/dt=x failed: 500 InternalError: said"),
        ("KMS.DisabledException", 400, {}, "failed: 400 KMS.DisabledException: said so"),
    ],
)
def test_what_a_bucket_says_is_one_line(
    code: str, status: int, headers: dict[str, str], message: str
) -> None:
    """Each answer of S3 that an operator can do something about says what."""
    answer = {
        "Error": {"Code": code, "Message": "said\n so"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    with (
        pytest.raises(LakeError) as caught,
        s3_trouble.explained("s3://b", "s3:PutObject", "b/usage/dt=x"),
    ):
        raise ClientError(answer, "PutObject")
    text = str(caught.value)
    assert message in text
    assert "\n" not in text


def test_a_gateways_own_rights_are_enough_for_a_large_file(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the writer's policy a file that goes in parts is stored, too."""
    emulator.reset()
    athena = policies.Athena(workgroup="primary", database="sekisho")
    user = emulator.user(policies.policy("writer", emulator.lake, athena))
    emulator.enforce()
    use(user, monkeypatch)
    try:
        open_store(emulator.lake).put(KEY, file(tmp_path, os.urandom(1 << 20) * 17))
    finally:
        emulator.enforce(on=False)
    assert len(emulator.fetch(f"lake/{KEY}")) == 17 << 20


def test_a_part_that_is_denied_is_told_as_such(
    faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a file goes whole or in parts makes no difference to the message."""
    use(faulty.server, monkeypatch)
    store = open_store(faulty.server.lake)
    faulty.next(None, "403")
    with pytest.raises(Denied, match=r"s3:PutObject on company-lake/lake/usage/\* is denied"):
        store.put(KEY, file(tmp_path, os.urandom(1 << 20) * 17))
    faulty.always(None)


@pytest.mark.parametrize("fault", ["503", "lost", "cut"])
def test_a_download_is_tried_again(
    fault: Fault, faulty: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader gets the whole object after a fault."""
    use(faulty.server, monkeypatch)
    faulty.always(None)
    store = open_store(faulty.server.lake)
    store.put(KEY, file(tmp_path, b"whole"))
    faulty.next(fault)
    assert read(store, KEY, tmp_path) == b"whole"
