"""Rows of spaces that do not change with training, against scikit-learn and by hand."""

import tracemalloc
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, normalize
from torch import nn

from alkit import progress
from alkit.errors import ConfigurationError, FeaturesError, NotEnoughMemoryError
from alkit.features import Source, components, make, making, recipe
from alkit.lock import locked
from alkit.selectors import Fixed, Frozen, Given, Inputs


class Reads(Source):
    """Source of an array or list, in batches, that counts the samples that it reads."""

    def __new__(cls, inputs, size=16, **options):
        reads = []

        def read(ids):
            for start in range(0, len(ids), size):
                chosen = ids[start : start + size]
                reads.extend(chosen.tolist())
                listed = isinstance(inputs, list)
                yield chosen, [inputs[k] for k in chosen] if listed else inputs[chosen]

        source = Source(np.arange(len(inputs)), len(inputs), read, **options)
        object.__setattr__(source, "reads", reads)
        return source


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- inputs -------------------------------------------------------------------------------------


def test_inputs_are_principal_components_of_norm_one():
    x = gaussian(200, 20) @ gaussian(20, 75, seed=1) + 0.01 * gaussian(200, 75, seed=2)
    x = x.reshape(200, 3, 5, 5) + 20
    rows = make(Inputs(20), Reads(x))
    assert rows.dtype == torch.float32
    exact = PCA(20, svd_solver="full").fit_transform(x.flatten(1).double().numpy())
    np.testing.assert_allclose(cdist(rows, rows), cdist(*[normalize(exact)] * 2), atol=2e-2)
    np.testing.assert_allclose(rows.norm(dim=1), 1, rtol=1e-5)
    plain = make(Inputs(20, normalize=False), Reads(x))
    np.testing.assert_allclose(cdist(plain, plain), cdist(exact, exact), rtol=0.05, atol=0.1)


def test_all_components_keep_all_distances():
    x = gaussian(60, 9)
    rows = make(Inputs(normalize=False), Reads(x))
    np.testing.assert_allclose(cdist(rows, rows), cdist(x, x), rtol=1e-4, atol=1e-4)


def test_in_one_piece_and_streamed_are_the_same(monkeypatch):
    x = gaussian(90, 12)
    whole = make(Inputs(6), Reads(x, 90))
    for size in (1, 7, 64):
        np.testing.assert_allclose(make(Inputs(6), Reads(x, size)), whole, atol=1e-5)
    assert torch.equal(make(Inputs(6), Reads(x)), make(Inputs(6), Reads(x)))
    monkeypatch.setattr(components, "FITTED", 40)
    source = Reads(x)
    part = make(Inputs(6), source)
    assert len(source.reads) == 40 + 90
    assert torch.equal(make(Inputs(6), Reads(x)), part)
    fitted = np.sort(np.random.default_rng(0).choice(90, 40, replace=False))
    exact = normalize(PCA(6).fit(x[fitted].double().numpy()).transform(x.double().numpy()))
    np.testing.assert_allclose(cdist(part, part), cdist(exact, exact), atol=2e-2)


def test_few_samples_have_fewer_components_unless_a_number_is_wanted():
    assert make(Inputs(), Reads(gaussian(12, 30))).shape == (12, 11)
    assert make(Inputs(), Reads(gaussian(120, 3))).shape == (120, 3)
    assert make(Inputs(), Reads(gaussian(120, 80))).shape == (120, 50)
    assert make(Inputs(), Reads(gaussian(1, 30))).shape == (1, 1)
    with pytest.raises(FeaturesError, match=r"12 samples have at most 11.*use Inputs\(\)"):
        make(Inputs(12), Reads(gaussian(12, 30)))


def test_images_of_any_size_are_small_ones():
    big = gaussian(20, 3, 64, 96)
    rows = make(Inputs(5), Reads(big))
    small = torch.nn.functional.interpolate(big, (32, 32), mode="bilinear", antialias=True)
    np.testing.assert_allclose(rows, make(Inputs(5), Reads(small)), atol=1e-4)
    varied = [gaussian(3, 20 + k, 30, seed=k) for k in range(20)]
    assert make(Inputs(5), Reads(varied)).shape == (20, 5)
    grey = (255 * torch.rand(20, 8, 8)).byte()
    assert make(Inputs(5), Reads(grey)).shape == (20, 5)


def test_texts_are_components_of_their_tfidf():
    words = [
        f"the {a} sees a {b}" for a in ("cat", "dog", "cow", "owl") for b in "xyz tree".split()
    ]
    words += ["一二三", "!"]
    rows = make(Inputs(6, normalize=False), Reads(words))
    counts = TfidfVectorizer().fit_transform(words)
    exact = TruncatedSVD(6, algorithm="arpack").fit_transform(counts)
    np.testing.assert_allclose(rows @ rows.T, exact @ exact.T, atol=1e-3)
    assert make(Inputs(), Reads(words)).shape[1] <= 10


def test_few_words_are_all_kept():
    texts = ["a cat", "", "a dog", "a dog", "a cow"]
    rows = make(Inputs(), Reads(texts))
    exact = TfidfVectorizer().fit_transform(texts).toarray()
    np.testing.assert_allclose(rows, exact, atol=1e-6)
    three = make(Inputs(), Reads(["one cat", "two dogs", "red house"]))
    np.testing.assert_allclose(three @ three.T, np.eye(3), atol=1e-6)


def test_several_inputs_are_joined():
    a, b = gaussian(30, 3), gaussian(30, 2, 2, seed=1)

    def read(ids):
        yield ids, {"a": a[ids], "b": b[ids]}

    rows = make(Inputs(normalize=False), Source(np.arange(30), 30, read))
    both = torch.cat([a, b.flatten(1)], 1)
    np.testing.assert_allclose(cdist(rows, rows), cdist(both, both), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (torch.arange(40).reshape(20, 2), "numbers of tokens.*Frozen"),
        (torch.ones(20, 4), "the same for all 20 samples"),
        (torch.full((20, 4), torch.nan), "all samples have NaN"),
        (["a cat"] * 3, "the same for all 3 samples, so"),
        ([""] * 3, "all 3 texts are empty"),
        (np.array([["a", 1]] * 3, dtype=object), "has a ndarray"),
        (np.array(["a", "b"]), "has a ndarray"),
        ([object()] * 20, "has a object"),
        (gaussian(20, 3).to(torch.complex64), "principal components of numbers"),
    ],
)
def test_inputs_that_tell_nothing_are_errors(inputs, words):
    with pytest.raises(FeaturesError, match=words):
        make(Inputs(), Reads(inputs))


def token_ids(*shape):
    return torch.randint(0, 30_000, shape, generator=torch.Generator().manual_seed(0))


def batches_of(parts):
    """A source of several inputs by name or position."""

    def read(ids):
        rows = {key: part[ids] for key, part in parts.items()}
        yield ids, rows if isinstance(next(iter(parts)), str) else tuple(rows.values())

    return Source(np.arange(20), 20, read)


@pytest.mark.parametrize(
    "source",
    [
        Reads(token_ids(20, 12)),
        Reads(token_ids(20, 12).int().numpy()),
        Reads(token_ids(20, 12).numpy().astype(np.uint16)),
        Reads(token_ids(20, 12) % 5),  # letters of DNA
        Reads(token_ids(20, 4, 12)),  # answers of a question
        batches_of({"input_ids": token_ids(20, 12), "attention_mask": torch.ones(20, 12).long()}),
        batches_of({"input_ids": token_ids(20, 12) % 2, "attention_mask": torch.ones(20, 12)}),
        batches_of({"input_ids": (token_ids(20, 12) % 9).float()}),
        batches_of({"tokens": (token_ids(20, 12) % 9).byte()}),
        batches_of({0: token_ids(20, 12), 1: torch.ones(20, 12).long()}),
    ],
)
def test_ids_of_tokens_have_no_components(source):
    with pytest.raises(FeaturesError, match=r"tokens or categories.*Frozen.*Given.*or texts"):
        make(Inputs(), source)


@pytest.mark.parametrize(
    "x",
    [
        token_ids(20, 8, 8) % 256,  # pixels
        token_ids(20, 3, 8, 8) % 256,
        token_ids(20, 40, 40).numpy().astype(np.uint16) % 256,
        token_ids(20, 12).byte(),  # pixels in a row
        token_ids(20, 12) % 2,
        token_ids(20, 12) % 2 == 1,
    ],
)
def test_pixels_and_bits_of_any_dtype_are_quantities(x):
    floats = torch.as_tensor(x).float()
    torch.testing.assert_close(make(Inputs(5), Reads(x)), make(Inputs(5), Reads(floats)))


def test_a_transformer_gets_categories():
    categories = token_ids(20, 3) + 2**30  # float32 cannot tell them apart
    encoder = make_pipeline(OneHotEncoder(), TruncatedSVD(4, random_state=0))
    expected = encoder.fit_transform(categories.numpy())
    rows = make(Frozen(encoder, normalize=False), Reads(categories))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_a_dict_with_one_input_is_that_input():
    words = ["a red cat", "a red dog", "the blue sea", "one two"] * 3

    def read(ids):
        yield ids, {"text": [words[k] for k in ids]}

    rows = make(Inputs(), Source(np.arange(12), 12, read))
    torch.testing.assert_close(rows, make(Inputs(), Reads(words)))


def test_a_network_gets_numbers_of_the_dtype_of_its_weights():
    net, x = nn.Linear(4, 3), gaussian(20, 4)
    rows = make(Frozen(net), Reads(x))
    torch.testing.assert_close(make(Frozen(net.double()), Reads(x)), rows)


def test_widths_that_differ_from_batch_to_batch_are_errors():
    def read(ids):
        for k in range(0, len(ids), 4):
            yield ids[k : k + 4], gaussian(len(ids[k : k + 4]), 5 + k, seed=k)

    padded = Source(np.arange(12), 12, read)
    for space in (Inputs(), Frozen(nn.Identity())):
        with pytest.raises(FeaturesError, match=r"5 values in one batch and 9 in another.*padded"):
            make(space, padded)


def test_nan_inputs_are_left_out_of_the_fit_and_marked():
    x = gaussian(40, 5)
    broken = torch.cat([x, torch.full((1, 5), torch.inf)])
    rows = make(Inputs(3), Reads(broken))
    assert rows[40].isnan().all()
    np.testing.assert_allclose(rows[:40], make(Inputs(3), Reads(x)), atol=1e-5)


def test_what_does_not_fit_is_an_error_before_it_is_begun(monkeypatch):
    def full(nbytes, device, what, instead=""):
        raise NotEnoughMemoryError(f"{what} {nbytes} bytes {instead}")

    monkeypatch.setattr(making, "check_memory", full)
    with pytest.raises(NotEnoughMemoryError, match=r"20 samples 800 bytes"):
        make(Inputs(), Reads(gaussian(20, 5)))
    monkeypatch.setattr("alkit.storage.SMALL", 0)
    monkeypatch.setattr("alkit.storage.free_memory", lambda device: 0)
    expected = make(Given(x := gaussian(20, 5)), Reads(x))  # in a file
    monkeypatch.setattr("alkit.storage.shutil.disk_usage", lambda folder: SimpleNamespace(free=399))
    with pytest.raises(NotEnoughMemoryError, match=r"20 x 5 features, Given.* need 0.0 GB.*disk"):
        make(Given(x), Reads(x))
    monkeypatch.undo()
    assert torch.equal(make(Given(x), Reads(x)), expected)


def test_rows_belong_to_their_samples_whatever_the_order_of_the_batches():
    x = gaussian(50, 4)

    def late(ids):  # as a loader with in_order=False
        batches = [(ids[k : k + 8], x[ids[k : k + 8]]) for k in range(0, len(ids), 8)]
        yield from [*batches[2:5], *batches[:2], *batches[:4:-1]]

    for space in (Inputs(3), Frozen(Net()), Frozen(StandardScaler())):
        found = make(space, Source(np.arange(50), 50, late))
        np.testing.assert_allclose(found, make(space, Reads(x, 8)), atol=1e-6)

    def others(ids):
        yield ids + 1, x[ids]

    for read in (others, lambda ids: iter([(ids[:20], x[ids[:20]])])):
        with pytest.raises(FeaturesError, match="other samples than those that were asked for"):
            make(Frozen(Net()), Source(np.arange(49), 49, read))


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e30])
def test_rows_of_any_size_have_norm_one(size):
    x = gaussian(20, 4)
    for space, rows in ((Given(size * x), Given(x)), (Inputs(), Inputs())):
        found, expected = make(space, Reads(size * x)), make(rows, Reads(x))
        np.testing.assert_allclose(cdist(found, found), cdist(expected, expected), atol=1e-4)
    zero = Given(torch.cat([x, torch.zeros(1, 4)]))
    np.testing.assert_allclose(make(zero, Source(np.arange(21), 21))[20], 0)


def test_inputs_that_overflow_are_an_error():
    with pytest.raises(FeaturesError, match="overflow float32: scale them down"):
        make(Inputs(), Reads(1e38 * gaussian(20, 4)))


def test_rows_of_one_number_keep_their_distances():
    x = gaussian(30, 1).abs() + 1
    source = Source(np.arange(30), 30)
    np.testing.assert_allclose(make(Given(x), source), x / x.max(), rtol=1e-6)
    one = make(Inputs(), Reads(x))
    assert len(one.unique()) == 30
    with pytest.raises(FeaturesError, match=r"once its rows have norm one.*normalize=False"):
        make(Given(x, metric="cosine"), source)


def test_rows_that_differ_in_length_alone_are_an_error_once_of_norm_one():
    x = (gaussian(30, 1).abs() + 1) * torch.tensor([1.0, 2.0, 3.0])
    with pytest.raises(FeaturesError, match=r"once its rows have norm one.*normalize=False"):
        make(Given(x), Source(np.arange(30), 30))
    assert make(Given(x, normalize=False), Source(np.arange(30), 30)).shape == (30, 3)


@pytest.mark.parametrize(("channels", "size"), [(3, 3), (3, 4), (1, 1), (1, 4), (2, 2)])
def test_as_many_images_as_channels_are_still_images(channels, size):
    images = [gaussian(channels, 34 + k, 40, seed=k) for k in range(17)]
    rows = make(Inputs(5), Reads(images, size))
    np.testing.assert_allclose(rows, make(Inputs(5), Reads(images, 17)), atol=1e-5)


def test_as_many_inputs_as_samples_are_still_inputs():
    parts = [gaussian(9, 4, seed=k) for k in range(3)]

    def read(ids):
        for k in range(0, 9, 3):
            yield ids[k : k + 3], [part[ids[k : k + 3]] for part in parts]

    rows = make(Inputs(), Source(np.arange(9), 9, read))
    np.testing.assert_allclose(rows, make(Inputs(), Reads(torch.cat(parts, 1))), atol=1e-5)


def test_inputs_are_held_twice_while_they_are_fitted():
    x = gaussian(1500, 2000)
    make(Inputs(2), Reads(x[:50]))  # imports
    tracemalloc.start()
    make(Inputs(2), Reads(x, 32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * 8 * x.numel()  # and what is not finite, by byte


def test_the_bytes_and_the_time_left_are_stated_while_features_are_made(monkeypatch, capsys):
    make(Given(gaussian(9_000, 100)), Reads(gaussian(9_000, 1)))
    assert capsys.readouterr().err == ""  # it takes less than 2 s
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "tqdm", partial(progress.tqdm, mininterval=0))
    make(Given(gaussian(9_000, 100)), Reads(gaussian(9_000, 1)))
    assert "Given((9000, 100)), 3.6 MB: " in capsys.readouterr().err
    with progress.showing(False):
        make(Given(gaussian(9_000, 100)), Reads(gaussian(9_000, 1)))
    assert capsys.readouterr().err == ""


# --- frozen encoders ----------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop = nn.Linear(4, 3), nn.Dropout(0.9)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        return self.drop(self.layer(x))


def test_a_network_is_called_in_eval_mode_once_per_sample_and_stays_as_it_was():
    net, x = Net().train(), gaussian(50, 4)
    rows = make(Frozen(net, normalize=False), Reads(x))
    np.testing.assert_allclose(rows, net.layer(x).detach(), atol=1e-6)
    assert net.seen == 50 + 2  # two in another batch
    assert net.training
    assert net.drop.training
    assert not rows.requires_grad


def test_a_network_that_returns_no_rows_or_nan_is_an_error():
    with pytest.raises(TypeError, match=r"return \(16, D\) for 16 samples"):
        make(Frozen(nn.Conv1d(2, 2, 1)), Reads(gaussian(20, 2, 5)))
    nan = nn.Sequential(nn.Linear(4, 2), nn.Threshold(1e9, float("nan")))
    with pytest.raises(FeaturesError, match=r"NaN or infinite for all samples.*weights"):
        make(Frozen(nan), Reads(gaussian(20, 4)))
    with pytest.raises(FeaturesError, match=r"does not take the samples.*float32 \(16, 4\).*wrap"):
        make(Frozen(nn.Linear(3, 2)), Reads(gaussian(20, 4)))
    with pytest.raises(FeaturesError, match=r"does not take the samples, a batch of \['a'"):
        make(Frozen(nn.Linear(3, 2)), Reads(["a", "b"]))


def test_components_are_counted_where_they_are_fitted(monkeypatch):
    x = gaussian(60, 50)
    with pytest.raises(FeaturesError, match=r"30 samples have at most 29 components"):
        make(Inputs(35), Reads(torch.where(torch.arange(60)[:, None] < 30, x, torch.nan)))
    monkeypatch.setattr(components, "FITTED", 40)
    with pytest.raises(FeaturesError, match=r"40 samples have at most 39 components"):
        make(Inputs(45), Reads(x))


class OfTheBatch(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class Chance(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)


@pytest.mark.parametrize(
    "encoder",
    [
        OfTheBatch(),
        Chance(),
        nn.BatchNorm1d(4, track_running_stats=False),
        FunctionTransformer(lambda x: x - x.mean(0)),
    ],
)
def test_features_that_depend_on_the_batch_are_announced(encoder):
    with pytest.warns(UserWarning, match="for the same samples in another batch"):
        make(Frozen(encoder), Reads(gaussian(48, 4)))


@pytest.mark.filterwarnings("error")
def test_features_of_each_sample_are_no_reason_to_warn():
    for encoder in (Net(), nn.BatchNorm1d(4).half(), StandardScaler(), Net().bfloat16()):
        half = isinstance(encoder, nn.Module) and next(encoder.parameters()).dtype
        x = gaussian(48, 4)
        make(Frozen(encoder), Reads(x.to(half) if half else x))
    texts = [f"{a} {b}" for a in "abcdef" for b in ("red", "blue", "green")]
    make(Frozen(make_pipeline(TfidfVectorizer(), TruncatedSVD(2))), Reads(texts))


def test_complex_features_are_an_error():
    class Complex:
        def transform(self, x):
            return 1j * x

    for encoder in (Complex(), FunctionTransformer(lambda x: np.full((len(x), 1), "a"))):
        with pytest.raises(TypeError, match="must return real numbers"):
            make(Frozen(encoder), Reads(gaussian(9, 2)))


def test_a_recipe_differs_with_the_weights():
    net = Net()
    first = recipe(Frozen(net))
    assert recipe(Frozen(net)) == first
    net.layer.weight.data.add_(1)
    assert recipe(Frozen(net)) != first
    assert recipe(Inputs(5)) == recipe(Inputs(5))
    assert recipe(Inputs(5)) != recipe(Inputs(6))
    assert recipe(Inputs(5)) != recipe(Inputs(5, normalize=False))


def rows_that_differ():
    x = np.arange(12.0).reshape(4, 3)
    yield from (x, x[::-1], x * 2, x.astype(np.float32), x.astype(int), x.reshape(3, 4))
    yield from (np.asfortranarray(x)[:, ::-1], torch.from_numpy(x).bfloat16(), x[:3])


def test_a_recipe_differs_with_the_rows():
    every = [recipe(Given(rows)) for rows in rows_that_differ()]
    assert len(set(every)) == len(every)
    x = np.arange(12.0).reshape(4, 3)
    assert recipe(Given(x)) == recipe(Given(x.copy())) == recipe(Given(np.asfortranarray(x)))


@pytest.mark.parametrize("place", [0, 12_345, 2**21 - 1])
def test_one_value_of_many_rows_changes_the_recipe(place):
    x = np.zeros((2**12, 2**9), np.float32)
    first = recipe(Given(x))
    x.reshape(-1)[place] = 1e-9
    assert recipe(Given(x)) != first


def test_a_recipe_differs_with_what_is_given(tmp_path):
    x, path, names = np.ones((5, 2)), tmp_path / "x.npy", tmp_path / "x.txt"
    for rows in (x, torch.ones(5, 2), torch.ones(5, 2).bfloat16(), np.asfortranarray(x)):
        space = Given(rows)
        first = recipe(space)
        rows[3] = 2
        assert recipe(space) != first
    np.save(path, x)
    space = Given(path)
    found = [recipe(space)]
    names.write_text("a\nb")
    found.append(recipe(space))
    names.write_text("a\nc")
    found.append(recipe(space))
    np.save(path, x)
    found.append(recipe(space))
    assert len(set(found)) == 4
    path.unlink()
    with pytest.raises(FeaturesError, match=r"file .*x\.npy no longer exists"):
        recipe(space)


def test_a_recipe_differs_once_a_transformer_is_fitted_or_set():
    x = gaussian(20, 4).numpy()
    for kind in (StandardScaler(), make_pipeline(StandardScaler(), PCA(2))):
        space = Frozen(kind)
        found = [recipe(space), recipe(space)]
        kind.fit(x)
        found += [recipe(space), recipe(space)]
        kind.fit(2 * x)
        found += [recipe(space), recipe(space)]
        assert len(set(found)) == 3

    class Foreign:
        def transform(self, rows):
            return rows

    space = Frozen(Foreign())
    assert recipe(space) == recipe(space)


def test_transformers_are_fitted_to_a_copy_or_used_as_they_are():
    x = gaussian(40, 4).numpy()
    scaler = StandardScaler()
    rows = make(Frozen(scaler, normalize=False), Reads(torch.from_numpy(x)))
    np.testing.assert_allclose(rows, StandardScaler().fit_transform(x), atol=1e-5)
    assert not hasattr(scaler, "mean_")
    scaler.fit(x[:5])
    rows = make(Frozen(scaler, normalize=False), Reads(torch.from_numpy(x)))
    np.testing.assert_allclose(rows, scaler.transform(x), atol=1e-5)


def test_a_pipeline_takes_texts():
    words = [f"{a} {b}" for a in ("cat", "dog", "cow") for b in ("one", "two", "three")]
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    rows = make(Frozen(make_pipeline(TfidfVectorizer(), TruncatedSVD(3))), Reads(words))
    assert rows.shape == (9, 3)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    again = make(Frozen(make_pipeline(TfidfVectorizer(), TruncatedSVD(3))), Reads(words, 4))
    np.testing.assert_allclose(again, rows, atol=1e-5)
    with pytest.raises(FeaturesError, match=r"sparse matrix with 6 columns.*TruncatedSVD"):
        make(Frozen(TfidfVectorizer()), Reads(words))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", fails)


def test_a_backbone_without_a_network_names_the_remedy(offline):
    with pytest.raises(FeaturesError, match=r"not known.*Download https.*copy it to.*Inputs\(\)"):
        make(Frozen("resnet18"), Reads(torch.rand(3, 3, 8, 8)))
    with pytest.raises(FeaturesError, match=r"resnet81.*resnet18"):
        make(Frozen("resnet81"), Reads(torch.rand(3, 3, 8, 8)))


def test_torchvisions_networks_take_images_between_0_and_1(monkeypatch):
    from alkit.features import encoders

    def small(name, instead):
        return (
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            lambda x: x[..., :5, :5],
            "weights",
        )

    monkeypatch.setattr(encoders, "of_torchvision", small)
    x = torch.rand(10, 1, 6, 6)
    rows = make(Frozen("resnet18", normalize=False), Reads(x))
    np.testing.assert_allclose(rows, x[..., :5, :5].mean((2, 3)).expand(10, 3), atol=1e-6)
    assert make(Frozen("resnet18"), Reads([torch.rand(3, 5 + k, 5) for k in range(4)])).shape == (
        4,
        3,
    )
    for wrong, words in ((x - 0.5, "values in"), (torch.rand(10, 4), r"takes images \(3, H, W\)")):
        with pytest.raises(FeaturesError, match=words):
            make(Frozen("resnet18"), Reads(wrong))


# --- on disk ------------------------------------------------------------------------------------


def test_outputs_on_disk_are_read_again_and_new_samples_alone_are_made(tmp_path):
    net, x = Net(), gaussian(30, 4)
    first = make(Frozen(net, folder=tmp_path), Reads(x))
    assert torch.equal(make(Frozen(net, folder=tmp_path), Reads(x)), first)
    assert net.seen == 30 + 2
    more = torch.cat([x.flip(0), gaussian(5, 4, seed=1)])
    rows = make(Frozen(net, folder=tmp_path), Reads(more))
    assert net.seen == 35 + 4
    assert torch.equal(rows[:30], first.flip(0))
    np.testing.assert_allclose(rows, make(Frozen(net), Reads(more)), atol=1e-6)
    net.layer.weight.data.add_(1)
    seen = net.seen
    assert not torch.equal(make(Frozen(net, folder=tmp_path), Reads(x)), first)
    assert net.seen == seen + 30 + 2


def test_contents_of_all_forms_are_told_apart(tmp_path):
    from alkit.features.on_disk import hashes

    a, b = gaussian(4, 2), gaussian(4, 3, seed=1)
    changed = b.clone()
    changed[2, 0] = 9
    forms = [{"a": a, "b": b}, {"a": a, "b": changed}]
    first, second = ([*hashes(form, 4)] for form in forms)
    assert [x == y for x, y in zip(first, second)] == [True, True, False, True]
    first, second = ([*hashes([a, part], 4)] for part in (b, changed))
    assert [x == y for x, y in zip(first, second)] == [True, True, False, True]
    images = [gaussian(3, 5, 4 + k) for k in range(4)]
    assert len(set(hashes(images, 4, listed=True))) == 4
    assert [*hashes(["x", "y", "x"], 3)][::2] == [next(hashes(["x"], 1))] * 2


def test_other_inputs_of_the_same_samples_are_other_contents(tmp_path):
    batch, net = {"a": gaussian(6, 4), "b": gaussian(6, 4, seed=1)}, Net()

    def of(key):
        def read(ids):
            yield ids, {name: part[ids] for name, part in batch.items()}

        source = Source(np.arange(6), 6, read, input_of=lambda batch, network: batch[key])
        return make(Frozen(net, folder=tmp_path), source)

    for key in "aba":
        np.testing.assert_allclose(of(key), make(Frozen(net), Reads(batch[key])), atol=1e-6)


def test_as_many_grey_images_as_channels_are_told_apart(tmp_path):
    class Brightness(nn.Module):
        def forward(self, images):
            return torch.stack([image.std((1, 2)) for image in images])

    images = [k * gaussian(1, 5 + k, 5, seed=k).expand(3, -1, -1) for k in range(1, 7)]
    rows = make(Frozen(Brightness(), folder=tmp_path, normalize=False), Reads(images, 3))
    expected = make(Frozen(Brightness(), normalize=False), Reads(images, 3))
    np.testing.assert_allclose(rows, expected)
    with pytest.raises(FeaturesError, match="that of a object cannot be hashed"):
        make(Frozen(Brightness(), folder=tmp_path), Reads([object()] * 4))


def test_the_folder_of_a_run_may_hold_its_features(tmp_path):
    with locked(tmp_path):  # by the run that asks for them; it would wait for itself
        assert make(Frozen(Net(), folder=tmp_path), Reads(gaussian(9, 4))).shape == (9, 3)


# --- given --------------------------------------------------------------------------------------


def test_given_rows_may_be_of_any_kind(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 4))
    np.save(tmp_path / "x.npy", x)
    source = Source(np.arange(5, 30), 30)
    kinds = [x, torch.from_numpy(x), x.tolist(), x.astype(np.float16), tmp_path / "x.npy"]
    for rows in kinds:
        found = make(Given(rows, normalize=False), source)
        np.testing.assert_allclose(found, x[5:], atol=1e-2)
        assert found.dtype == torch.float32
    np.testing.assert_allclose(make(Given(x), source), normalize(x[5:]), rtol=1e-5)
    whole = make(Given((10 * x).astype(int), normalize=False), source)
    np.testing.assert_array_equal(whole, (10 * x[5:]).astype(int))


def test_another_length_is_an_error():
    with pytest.raises(FeaturesError, match=r"has 9 rows, and there are 10 samples"):
        make(Given(np.ones((9, 2))), Source(np.arange(10), 10))


NAMES = ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["b.png", "a.png", "c.png"], r"row 0 .*'b\.png'.*'a\.png'.*another order.*names\.index"),
        (["a.png", "b.png", "d.png"], r"row 2 .*'d\.png'.*'c\.png'.*other samples"),
        (["a.png", "b.png"], "2 names for 3 rows"),
    ],
)
def test_names_are_compared(names, words, tmp_path):
    source, x = Source(np.arange(3), 3, names=NAMES), np.eye(3)
    assert make(Given(x, NAMES), source).shape == (3, 3)
    with pytest.raises(FeaturesError, match=words):
        make(Given(x, names), source)
    if len(names) == 3:
        np.save(tmp_path / "x.npy", x)
        (tmp_path / "x.txt").write_text("\n".join(names))
        with pytest.raises(FeaturesError, match=words):
            make(Given(tmp_path / "x.npy"), source)
        assert make(Given(tmp_path / "x.npy"), Source(np.arange(3), 3)).shape == (3, 3)
    with pytest.raises(FeaturesError, match="the samples have none to compare"):
        make(Given(x, names), Source(np.arange(3), 3))


def test_constant_rows_are_an_error_and_a_nan_row_is_marked():
    x = np.ones((4, 3))
    with pytest.raises(FeaturesError, match="the same for all 4 samples"):
        make(Given(x), Source(np.arange(4), 4))
    x[1], x[2] = 2, [1, np.nan, 0]
    rows = make(Given(x, normalize=False), Source(np.arange(4), 4))
    assert rows[:, 0].isnan().tolist() == [False, False, True, False]


# --- others -------------------------------------------------------------------------------------


def test_a_space_that_declares_nothing_is_an_error():
    with pytest.raises(ConfigurationError, match="declares no features"):
        make(Fixed(), Reads(gaussian(4, 2)))


def test_arrays_alone_have_no_inputs():
    with pytest.raises(FeaturesError, match=r"Given\(array\)"):
        make(Inputs(), Source(np.arange(4), 4))


def test_columns_of_other_units_are_scaled():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 6)).astype(np.float32)
    units = rows * np.float32([1, 1e6, 1, 1e-3, 1, 1]) + np.float32([0, 5e6, 0, 0, 9, 0])
    expected = PCA(6).fit_transform((units - units.mean(0)) / units.std(0))
    made = make(Inputs(normalize=False), Reads(units))
    assert np.abs(np.abs(made.numpy()) - np.abs(expected)).max() < 1e-2
    constant = np.concatenate([units, np.full((300, 1), 1e9, np.float32)], 1)
    assert make(Inputs(), Reads(constant)).isfinite().all()


def test_columns_of_one_unit_are_left_as_they_are():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(300, 8)) * np.linspace(1, 3, 8)).astype(np.float32)
    made = make(Inputs(normalize=False), Reads(rows))
    expected = PCA(8).fit_transform(rows)
    assert np.abs(np.abs(made.numpy()) - np.abs(expected)).max() < 1e-3
