"""Label Studio: samples and guesses go there, and the answers of people come back to a ledger.

``push`` and ``pull`` exchange with a server by HTTP; ``export`` and ``load`` exchange by files. A
task is recognized by ``data.alkit_id``, the name of the sample.
"""

from alkit.bridges.label_studio.answers import load
from alkit.bridges.label_studio.interface import interface
from alkit.bridges.label_studio.pulling import Pulled, pull
from alkit.bridges.label_studio.pushing import Pushed, push
from alkit.bridges.label_studio.server import Server
from alkit.bridges.label_studio.tasks import Batch, export

__all__ = ["Batch", "Pulled", "Pushed", "Server", "export", "interface", "load", "pull", "push"]
