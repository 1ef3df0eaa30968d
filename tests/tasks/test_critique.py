from entropy_rl.problem import Problem, Refinable, Verdict
from entropy_rl.tasks.critique import critique_prompt
from entropy_rl.tasks.text_task import TextTask

PROBLEM = Problem("p", "What is 6 x 7?", "42")


def test_a_critique_shows_problem_attempt_and_reason_in_this_order():
    text = critique_prompt(PROBLEM, " It is \\boxed{41}. ", Verdict(0.0, reason="41 is not 42"))
    places = [text.index(part) for part in (PROBLEM.prompt, "It is \\boxed{41}.", "41 is not 42")]
    assert places == sorted(places)


def test_it_is_no_opening_of_an_answer():
    assert not critique_prompt(PROBLEM, "41", Verdict(0.0)).startswith(PROBLEM.prompt)


def test_an_attempt_of_megabytes_is_shown_by_its_end_and_an_empty_one_as_nothing():
    text = critique_prompt(PROBLEM, "x" * 10**6 + " so 41", Verdict(0.0))
    assert len(text) < 3_000 and "[...] xxx" in text and "so 41" in text
    assert "(nothing)" in critique_prompt(PROBLEM, "\n", Verdict(0.0))


def test_braces_and_formats_of_an_attempt_stay_as_they_are():
    attempt = "{0} {problem.prompt} %s \\boxed{\ud800}"
    assert attempt in critique_prompt(PROBLEM, attempt, Verdict(0.0))


def test_every_task_in_words_can_criticise_and_the_reason_is_the_verifiers():
    task = TextTask()
    assert isinstance(task, Refinable)
    verdict = task.verify(PROBLEM, "The answer is 41.")
    assert verdict.score == 0.0 and verdict.reason in task.refinement_prompt(PROBLEM, "The answer is 41.", verdict)
    assert "42" in verdict.reason  # which number is wrong, and what it should be
