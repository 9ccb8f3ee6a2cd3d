"""The labeling page: a small web server that shows samples to people and takes their answers."""

from alkit.page.answers import Answer
from alkit.page.desk import Desk
from alkit.page.questions import Question, Questions
from alkit.page.serving import serve
from alkit.page.shown import Shown, shown

__all__ = ["Answer", "Desk", "Question", "Questions", "Shown", "serve", "shown"]
