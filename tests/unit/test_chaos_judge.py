"""The judge of `make chaos`: it must see what is wrong, and blame nobody for what cannot be known yet."""

from __future__ import annotations

import dns.message
import pytest
from chaos.judge import Answer, Question, Sentence, changed_after, judge
from chaos.truth import Member, Phase, Truth

ONE, TWO, FAR = (
    Member(name=name, site=site, address=address)
    for name, site, address in (("one", "eu", "192.0.2.1"), ("two", "eu", "192.0.2.2"), ("far", "us", "192.0.2.3"))
)
ALL = Question(name="all.test.", client="81.2.69.0/24", sites=("eu", "us"), every=True)
SOME = Question(name="one.test.", client="81.2.69.0/24", sites=("eu", "us"), every=False)


@pytest.fixture
def truth() -> Truth:
    """All up from 0 s on."""
    made = Truth(members=(ONE, TWO, FAR))
    made.tell((ONE, TWO, FAR), Phase.UP, 0.0)
    return made


def answer(*members: Member, at: float, question: Question = ALL, rcode: int = 0, lost: bool = False) -> Answer:
    reply = dns.message.make_response(dns.message.make_query(question.name, "A"))
    reply.set_rcode(rcode)
    if members:
        reply.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", *(one.address for one in members)))
    wire = None if lost else reply.to_wire()
    return Answer(dns_server="d", question=question, tcp=False, sent_s=at, received_s=at + 0.001, reply=wire)


def sentence(given: Answer, truth: Truth) -> Sentence | None:
    judged = judge(given, truth)
    return judged.sentence if judged is not None else None


def test_all_that_are_up_are_answered_and_nobody_of_another_site(truth: Truth) -> None:
    assert sentence(answer(ONE, TWO, at=1), truth) is Sentence.RIGHT
    assert sentence(answer(ONE, at=1), truth) is Sentence.FALSE
    assert sentence(answer(ONE, TWO, FAR, at=1), truth) is Sentence.FALSE
    assert sentence(answer(TWO, at=1, question=SOME), truth) is Sentence.RIGHT
    assert sentence(answer(FAR, at=1, question=SOME), truth) is Sentence.FALSE


def test_what_is_no_answer_is_false(truth: Truth) -> None:
    assert sentence(answer(at=1), truth) is Sentence.FALSE
    assert sentence(answer(ONE, TWO, at=1, rcode=2), truth) is Sentence.FALSE
    garbage = Answer(dns_server="d", question=ALL, tcp=False, sent_s=1, received_s=1.1, reply=b"\0\0garbage")
    assert sentence(garbage, truth) is Sentence.FALSE


def test_who_is_gone_makes_answers_stale_for_as_long_as_he_was(truth: Truth) -> None:
    truth.tell([ONE], Phase.DOWN, 10.0)
    assert sentence(answer(ONE, TWO, at=9.9995), truth) is Sentence.RIGHT  # it was asked before
    judged = judge(answer(ONE, TWO, at=10.5), truth)
    assert judged is not None
    assert judged.sentence is Sentence.STALE
    assert judged.wrong_s == pytest.approx(0.501)
    assert sentence(answer(TWO, at=10.5), truth) is Sentence.RIGHT
    assert sentence(answer(at=10.5), truth) is Sentence.FALSE


def test_who_comes_back_may_be_answered_or_not(truth: Truth) -> None:
    truth.tell([ONE], Phase.DOWN, 10.0)
    truth.tell([ONE], Phase.COMING, 20.0)
    assert sentence(answer(TWO, at=21), truth) is Sentence.RIGHT
    assert sentence(answer(ONE, TWO, at=21), truth) is Sentence.RIGHT
    truth.tell([ONE], Phase.UP, 30.0)
    assert sentence(answer(TWO, at=29), truth) is Sentence.RIGHT
    assert sentence(answer(TWO, at=31), truth) is Sentence.FALSE


def test_a_site_that_is_gone_is_stood_in_for_by_the_other(truth: Truth) -> None:
    truth.tell([ONE, TWO], Phase.DOWN, 10.0)
    assert sentence(answer(ONE, TWO, at=11), truth) is Sentence.STALE
    assert sentence(answer(FAR, at=11), truth) is Sentence.RIGHT
    truth.tell([ONE], Phase.COMING, 20.0)
    assert sentence(answer(FAR, at=21), truth) is Sentence.RIGHT
    assert sentence(answer(ONE, at=21), truth) is Sentence.RIGHT


def test_a_lost_query_is_excused_only_when_its_dns_server_was_taken_away(truth: Truth) -> None:
    assert sentence(answer(at=1, lost=True), truth) is Sentence.LOST
    truth.excuse("d", 0.5, 1.5)
    assert judge(answer(at=1, lost=True), truth) is None
    assert sentence(answer(at=2, lost=True), truth) is Sentence.LOST


def test_the_changed_answer_is_the_first_right_one_about_all_members(truth: Truth) -> None:
    truth.tell([ONE], Phase.DOWN, 10.0)
    given = (answer(ONE, TWO, at=10.1), answer(TWO, at=10.1, question=SOME), answer(TWO, at=10.2), answer(TWO, at=10.3))
    judged = [one for one in (judge(each, truth) for each in given) if one is not None]
    assert changed_after(judged, "d", ["eu"], 10.0) == pytest.approx(0.201)
    assert changed_after(judged, "other", ["eu"], 10.0) is None
    assert changed_after(judged, "d", ["us"], 10.0) is None
