"""Right and wrong uses of alkit; a type checker must report exactly the lines that end in wrong."""

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import alkit as al
from alkit.criteria import MeanStd
from alkit.plots import learning_curves
from alkit.training import History

data = TensorDataset(torch.randn(30, 4), torch.arange(30) % 3)
net = al.MultiLayerPerceptron(4, [8], 3)
pool = al.ActiveLearningDataset(data, names=[str(i) for i in range(30)])
pool.annotate_random(6, seed=0)
pool.anotate([1])  # wrong
pool.annotate([1], labels=[0], roond=1)  # wrong

formula = al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()) - MeanStd() / 2
al.Margn()  # wrong
al.Margin(beta=1)  # wrong
al.BAIT()  # wrong
al.selectors.BAIT()
al.papers.coral(net, pool)
al.papers.badg(net, pool)  # wrong
score: Tensor = formula(al.Prediction(torch.randn(5, 3)))

strategy = al.Strategy(net, pool, formula, al.KCenter(), batch_size=8, seed=0)
al.Strategy(net, pool, formula, batchsize=8)  # wrong
al.SemiSupervisedStrategy(net, pool, formula)  # wrong
al.UncertaintyStrategy(net, criterion=al.Margin(), train_pool=pool, val_share=0.1)
strategy.acquisition = al.Acquisition(al.BALD(), al.Power(2))
strategy.acquisition = al.Margin()  # wrong
strategy.build().fit(max_steps=3)
history: History = strategy.history
query = strategy.query(5)
strategy.query()  # wrong
query.indices.sum()
query.indexes  # wrong
why: str = query.why
al.doctor(query)["outliers"].verdict
al.select(5, embeddings=torch.randn(9, 2), selector=al.KCenter())
al.select(total=5, embeddings=torch.randn(9, 2), annotated=[1], names=list("abcdefghi"))
al.select(5, probability=torch.rand(9, 2))  # wrong
arms = {"margin": lambda pool, seed: strategy}
result = al.compare(arms, data, rounds=1, query_size=2, max_steps=1)
result.summary()
result.sumary()  # wrong
learning_curves(result)
al.initializers.Kaiming()
al.errors.LabelError
