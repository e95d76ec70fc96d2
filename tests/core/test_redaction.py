"""What looks like a secret is not in a text for people; everything else is as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.redaction import HIDDEN, LONGEST, redacted, secrets_of

SHOWN = {
    "fs.s3a.secret.key=wJalr/K7": "fs.s3a.secret.key=***",
    "s3.access-key: AKIA123, s3.endpoint: http://minio:9000": "s3.access-key: ***, s3.endpoint: http://minio:9000",
    '{"password" : "a \\" b", "user": "joe"}': '{"password" : ***, "user": "joe"}',
    "PasswordLogin(password='p w')": "PasswordLogin(password=***)",
    "awsSecretAccessKey=abc, AWSAccessKeyId=def": "awsSecretAccessKey=***, AWSAccessKeyId=***",
    "fs.azure.account.key.me.blob.core.windows.net=Zm9v==": "fs.azure.account.key.me.blob.core.windows.net=***",
    'PlainLoginModule required username="joe" password="s3cret";': (
        'PlainLoginModule required username="joe" password=***;'
    ),
    "jdbc:postgresql://joe:p@ss@db:5432/x?sslpassword=y&z=1": "jdbc:postgresql://joe:***@db:5432/x?sslpassword=***&z=1",
    "https://me.blob/x?sv=1&signature=abc%3D": "https://me.blob/x?sv=1&signature=***",
    "Authorization: Bearer eyJhbGciOi.J9 refused": "Authorization: *** refused",
    "authorization=Basic am9lOnB3": "authorization=***",
    "sent Bearer eyJhbGciOi.J9": "sent Bearer ***",
    "Main --db-password hunter2 --out s3://b": "Main --db-password *** --out s3://b",
    'cut in the middle of password="abc d': "cut in the middle of password=***",
    "cut in the middle of redis://joe:pa": "cut in the middle of redis://joe:***",
    "arguments [--password, x, --out, y]": "arguments [--password, ***, --out, y]",
    '["--db-pass", "p w", "--verbose"]': '["--db-pass", ***, "--verbose"]',
    "['--sas-token', 'x']": "['--sas-token', ***]",
    "Main --db-pass x -v": "Main --db-pass *** -v",
    "DBPWD=abc, db_pass: d, dbPass=e": "DBPWD=***, db_pass: ***, dbPass=***",
    "https://me.blob/x?se=1&sig=ab%2Fc&sp=r": "https://me.blob/x?se=1&sig=***&sp=r",
    "GET https://b/x?X-Amz-Expires=60&X-Amz-Signature=ab12 failed": (
        "GET https://b/x?X-Amz-Expires=60&X-Amz-Signature=*** failed"
    ),
    "amqp://joe:p/w@mq:5672/x, amqp://jim:a/@/b@mq": "amqp://joe:***@mq:5672/x, amqp://jim:***@mq",
    'said {\\"password\\":\\"a b\\",\\"user\\":\\"joe\\"}': 'said {\\"password\\":***,\\"user\\":\\"joe\\"}',
    '{"Authorization": "Basic am9lOnB3", "a": 1}': '{"Authorization": ***, "a": 1}',
    "secret access key: abc": "secret access key: ***",
    "secrets=[a, b] tokens=['c', 'd'], x": "secrets=*** tokens=***, x",
}
AS_IT_WAS = [
    "JobFailed: IOException: disk full",
    "ExpiredTokenException: The security token included in the request is expired",
    "savepoint s3://bucket:9000/savepoints/savepoint-4f7a-cd",
    "abfss://container@account.dfs.core.windows.net/chk-7",
    "InvalidSpec: spec.bootstrap.jarPath: must be an absolute path",
    "Basic authentication failed",
    "--password --verbose",
    "no author: nobody",
    "TokenExpiredException: fs.s3a.aws.credentials.provider=org.apache.hadoop.fs.s3a.auth.SimpleProvider",
    "password.provider: vault, --token-file /var/run/token",
    "TimeoutException at org.apache.flink.runtime.security.token.DefaultDelegationTokenManager.start(Default.java:12)",
    "NoSuchFileException: /var/run/secrets/kubernetes.io/serviceaccount/token",
    "http://host:8081/a@b, kafka://a:9092,b:9092, https://[::1]:8081/x@y and http://host:8081.",
    "pekko.tcp://flink@host:6123/user/rpc/jobmanager_0",
    "bypass=1 compass: 2 signal=9 --two-phase x",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN.items())
def test_what_looks_like_a_secret(text, shown):
    assert redacted(text) == shown


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_what_does_not(text):
    assert redacted(text) == text


WORDS = ["password", "fs.s3a.secret.key", "token", "apiKey", "client-secret", "access_key", "credentials"]
PLACES = ["{key}={value}", "{key}: {value}", "Failed: {{{key}={value}, a=b}}", '"{key}":"{value}"', "--x.{key} {value}"]
VALUES = st.text("ABCXYZabcxyz0189/+=._~-", min_size=8, max_size=40).filter(lambda value: not value.startswith("-"))


@given(st.sampled_from(WORDS), st.sampled_from(PLACES), VALUES, st.text(max_size=20), st.text(max_size=20))
def test_no_secret_comes_through(key, place, value, before, after):
    shown = redacted(f"{before} {place.format(key=key, value=value)} {after}")
    assert value not in shown or value in before + after
    assert redacted(shown) == shown


@given(st.text(), st.frozensets(VALUES, max_size=3))
def test_a_known_secret_is_hidden_wherever_it_is(text, secrets):
    shown = redacted(text.join(["", *secrets, ""]), secrets)
    assert not any(secret in shown for secret in secrets)
    assert redacted(shown, secrets) == shown


PIECES = st.sampled_from(
    [
        *("password", "--db-pass", "token", "Authorization", "Bearer abcdefgh", "&sig=", "x", "a b", "8081", "***"),
        *("*", "=", ": ", " ", ", ", "[", "]", '"', "'", "\\", "://", "joe:", "@", "/", "\n", ";", ".", "%3D"),
    ]
)
TEXTS = st.lists(PIECES | VALUES, max_size=30).map("".join)


@given(TEXTS)
@example("redis://joe:password='a b';x@host")  # without the quotes it is a URL
def test_twice_is_the_same_as_once(text):
    assert redacted(redacted(text)) == redacted(text)


@given(TEXTS, TEXTS, st.frozensets(VALUES | TEXTS.filter(lambda text: len(text) > 5), min_size=1, max_size=3))
def test_a_known_secret_is_hidden_whatever_is_around_it(before, after, secrets):
    shown = redacted(after.join([before, *secrets, after]), secrets)
    assert not any(secret in shown for secret in secrets)
    assert redacted(shown, secrets) == shown


@given(VALUES, st.integers(min_value=0, max_value=60))
def test_of_a_text_that_is_too_long_no_part_of_a_secret_is_left(secret, place):
    shown = redacted("x" * (LONGEST - place) + secret + "y" * LONGEST, frozenset({secret}))
    assert len(shown) <= LONGEST
    assert shown.strip("x").strip("y") in HIDDEN


@given(st.text("abc déf.,\n'\"()<>", max_size=80))
def test_other_texts_are_as_they_were(text):
    assert redacted(text) == text


def test_the_beginning_of_a_known_secret_at_the_end_of_a_text_that_was_cut():
    assert redacted("no access with hunter2-and", frozenset({"hunter2-and-more"})) == "no access with ***"
    assert redacted("no access with hun", frozenset({"hunter2-and-more"})) == "no access with hun"


def test_which_options_hold_a_secret():
    found = secrets_of(
        {
            "s3.secret-key": "wJalrXUt",
            "security.ssl.rest.key-password": "changeit",
            "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.InstanceProfileCredentialsProvider",
            "security.delegation.tokens.enabled": "false",
            "token.limit": "1000000",
            "state.backend": "rocksdb",
            "api.token": "short",
            "sasl.jaas.config": "Module required password=x;",
        },
    )
    assert found == {"wJalrXUt", "changeit", "Module required password=x;"}


def test_which_arguments_do():
    arguments = ["--db-pass", "hunter2", "--api-key=a=bcdef", "--token", "--verbose", "password", "nothing", "--secret"]
    assert secrets_of({}, arguments) == {"hunter2", "a=bcdef"}
