from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joytify_discord.embed import INFORMATION, Embed, Field, length
from joytify_discord.limits import MARK, cut, fit, payloads
from joytify_local.discord_validation import check

text = st.text(max_size=60) | st.sampled_from(["", " ", "x" * 300, "𝄞" * 5000, "word " * 2000])
fields = st.lists(st.builds(Field, name=text, value=text), max_size=30)
embeds = st.builds(Embed, title=text, severity=st.just(INFORMATION), description=text, fields=fields, footer=text)


@given(st.lists(embeds, min_size=1, max_size=12))
def test_discord_accepts_every_rendered_embed_and_nobody_is_mentioned(given_embeds: list[Embed[str]]) -> None:
    messages = list(payloads(given_embeds))

    assert [check(message.body) for message in messages] == [None] * len(messages)
    assert sum(len(message.body["embeds"]) for message in messages) == len(given_embeds)
    assert all(message.body["allowed_mentions"] == {"parse": []} for message in messages)
    plain = [message.plainest() for message in messages]
    assert [check(message.body) for message in plain] == [None] * len(messages)


def test_a_text_is_cut_at_a_word_and_marked() -> None:
    assert cut("short", 10) == "short"
    assert cut("several short words", 15) == "several short" + MARK
    assert length(cut("𝄞" * 100, 11)) <= 11


def test_embeds_that_fit_go_in_one_message() -> None:
    messages = list(payloads([Embed(title=str(number), severity=INFORMATION) for number in range(11)]))

    assert [len(message.body["embeds"]) for message in messages] == [10, 1]


def test_two_embeds_with_the_same_url_go_in_two_messages() -> None:
    """Discord would show them as one."""
    messages = list(
        payloads([Embed(title=str(number), severity=INFORMATION, url="https://example.com") for number in range(2)])
    )

    assert [len(message.body["embeds"]) for message in messages] == [1, 1]


def test_what_had_to_be_cut_is_attached_whole() -> None:
    words = "word " * 2000
    (cut_one,) = payloads([Embed(title="title", severity=INFORMATION, description=words)])
    (short,) = payloads([Embed(title="title", severity=INFORMATION, description="word")])

    assert words.strip() in cut_one.attachment
    assert short.attachment == ""


def test_an_embed_over_the_total_length_limit_keeps_its_title_and_loses_its_last_fields() -> None:
    fitted = fit(Embed(title="title", severity=INFORMATION, fields=[Field(str(n), "x" * 1000) for n in range(10)]))

    assert fitted.title == "title"
    assert [field.name for field in fitted.fields] == ["0", "1", "2", "3", "4"]


def test_a_long_description_is_shortened_to_keep_all_fields() -> None:
    fields = [Field(str(number), "x" * 500) for number in range(8)]
    fitted = fit(Embed(title="title", severity=INFORMATION, description="word " * 900, fields=fields))

    assert len(fitted.fields) == 8
    assert 1000 <= length(fitted.description) < 2000
