from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.optimize
import sklearn.base
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from partdisc.errors import ConfigError, DataError, NotFittedError
from partdisc.factorization import NMF, ConvexNMF, KMeans, SemiNMF, non_negative_factorization

from .conftest import ListBlocks, relu_features

ESTIMATORS = {"nmf": NMF, "semi-nmf": SemiNMF, "kmeans": KMeans}


@pytest.fixture(params=ESTIMATORS.values(), ids=ESTIMATORS.keys())
def estimator(request):
    return request.param


def test_constructor_stores_and_nothing_else(estimator):
    arguments = {name: object() for name in inspect.signature(estimator).parameters}
    model = estimator(**arguments)
    assert vars(model) == arguments
    assert model.get_params() == arguments


def test_scikit_learn_can_clone_and_set(estimator):
    model = estimator(3, seed=5)
    copy = sklearn.base.clone(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert copy.set_params(seed=6).seed == 6
    with pytest.raises(ConfigError, match=r"parameter of .*seed.*but got 'sed'"):
        copy.set_params(sed=1)


def test_a_pipeline_fits_transforms_and_shows_it(estimator, X):
    model = estimator(3, seed=5)
    steps = make_pipeline(MinMaxScaler(), model).fit(X)
    last = "predict" if estimator is KMeans else "transform"
    found = getattr(steps, last)(X[:5])
    np.testing.assert_array_equal(found, getattr(model, last)(steps[0].transform(X[:5])))
    assert estimator.__name__ in steps._repr_html_()


def test_fit_returns_self_and_learnt_things_end_in_an_underscore(estimator, X):
    model = estimator(3)
    assert model.fit(X) is model
    learnt = set(vars(model)) - set(model.get_params())
    assert learnt
    assert all(name.endswith("_") for name in learnt)


def test_use_before_fit_is_refused(estimator, X):
    with pytest.raises(NotFittedError, match=f"This {estimator.__name__} is not fitted yet. Call fit"):
        estimator(2).transform(X)


def test_other_columns_than_in_fit_are_refused(estimator, X):
    with pytest.raises(DataError, match="Expected X with 40 columns, as in fit, but got 39"):
        estimator(2).fit(X).transform(X[:, :39])


def test_kind_and_dtype_follow_X(estimator, X):
    for dtype in (np.float32, np.float64):
        values = estimator(3, max_iter=5).fit(X.astype(dtype)).transform(X.astype(dtype))
        assert isinstance(values, np.ndarray)
        assert values.dtype == dtype
    tensor = torch.from_numpy(X)
    values = estimator(3, max_iter=5).fit(tensor).transform(tensor)
    assert isinstance(values, torch.Tensor)
    assert values.dtype == torch.float64


def test_model_fitted_on_one_kind_transforms_the_other(estimator, X):
    model = estimator(3, max_iter=5).fit(X)
    np.testing.assert_allclose(model.transform(torch.from_numpy(X)).numpy(), model.transform(X))
    np.testing.assert_allclose(model.transform(ListBlocks(X, torch.float64)).numpy(), model.transform(X))


def test_refitting_forgets(estimator, X):
    again = estimator(3, max_iter=10).fit(relu_features(seed=9)).fit(X)
    np.testing.assert_array_equal(again.transform(X), estimator(3, max_iter=10).fit(X).transform(X))


def test_nmf_is_the_function(X):
    model, found = NMF(4, max_iter=20), non_negative_factorization(X, 4, max_iter=20)
    np.testing.assert_array_equal(model.fit_transform(X), found.W)
    np.testing.assert_array_equal(model.components_, found.H)
    assert model.loss_history_ == found.loss_history
    assert model.n_iter_ == found.n_iter
    assert model.reconstruction_err_ == found.reconstruction_err


@pytest.mark.parametrize("estimator", [NMF, SemiNMF])
@pytest.mark.parametrize("block_rows", [None, 17])
def test_transform_equals_nnls(estimator, X, block_rows):
    model = estimator(5, block_rows=block_rows).fit(X)
    new = relu_features(60, seed=2)
    new[7] = 0
    expected = np.stack([scipy.optimize.nnls(model.components_.T, x)[0] for x in new])
    np.testing.assert_allclose(model.transform(new), expected, atol=1e-7 * expected.max())
    single = model.transform(new.astype(np.float32))
    np.testing.assert_allclose(single, expected, atol=1e-3 * expected.max())
    assert (model.transform(new)[7] == 0).all()


def test_transform_of_a_row_does_not_depend_on_the_others(X):
    model = NMF(4).fit(X)
    np.testing.assert_allclose(model.transform(X)[10:11], model.transform(X[10:11]), rtol=1e-6, atol=1e-9)


def test_inverse_transform_gives_the_model_of_X(X):
    model = NMF(4)
    W = model.fit_transform(X)
    assert np.linalg.norm(X - model.inverse_transform(W)) == pytest.approx(model.reconstruction_err_)
    np.testing.assert_allclose(
        model.inverse_transform(torch.from_numpy(W)).numpy(), model.inverse_transform(W)
    )


def test_transform_refuses_negative_rows(X):
    with pytest.raises(DataError, match="SemiNMF"):
        NMF(3).fit(X).transform(-X)


def test_stream_approaches_the_batch_fit():
    X = relu_features(4000, 30, rank=6, seed=4).astype(np.float32)
    model = NMF(4)
    for _ in range(3):
        for start in range(0, len(X), 500):
            assert model.partial_fit(X[start : start + 500]) is model
    streamed = np.linalg.norm(X - model.transform(X) @ model.components_) / np.linalg.norm(X)
    assert model.n_batches_ == 24
    assert streamed < 1.02 * NMF(4).fit(X).relative_error_


def test_a_stream_goes_on_from_a_fit(X):
    fitted = NMF(3, seed=1).fit(X)
    loss = np.linalg.norm(X - fitted.transform(X) @ fitted.components_)
    fitted.partial_fit(X[:50])
    assert fitted.n_batches_ == 1
    started = NMF(3, seed=1).partial_fit(X[:50])
    assert not np.allclose(fitted.components_, started.components_)
    assert fitted.fit(X).reconstruction_err_ == pytest.approx(loss)
    assert fitted.partial_fit(X[:50]).n_batches_ == 1  # of the new stream


def test_partial_fit_does_not_change_the_basis_it_gave_out(X):
    model = NMF(3).partial_fit(X)
    given = model.components_
    kept = given.copy()
    model.partial_fit(X[:50])
    np.testing.assert_array_equal(given, kept)
    assert not np.array_equal(model.components_, kept)


@pytest.mark.parametrize(
    "model", [NMF(2), SemiNMF(2), ConvexNMF(2), KMeans(2)], ids=lambda m: type(m).__name__
)
def test_arguments_of_the_wrong_kind_are_refused_by_name(model, X):
    for name, value in (("seed", "a"), ("seed", None), ("max_iter", "9"), ("tol", None), ("device", "tpu")):
        wrong = type(model)(2, **{name: value})
        with pytest.raises(ConfigError, match=name):
            wrong.fit(X)


@pytest.mark.parametrize("W", [None, "abc", [[1, 2], [3]], np.ones(2), np.ones((4, 3))])
def test_activations_of_another_kind_or_number_are_refused(W, X):
    with pytest.raises(DataError, match=r"Expected W .*of shape \(M, "):
        NMF(2).fit(X).inverse_transform(W)


@pytest.mark.parametrize(
    "model",
    [
        NMF(3),
        NMF(3, init="nndsvda", solver="mu"),
        NMF(3, init="random", restarts=2, max_memory=1e9),
        NMF(3, precision="bfloat16"),
        SemiNMF(3),
        ConvexNMF(3),
        KMeans(3),
        KMeans(3, init="k-means++"),
    ],
    ids=lambda model: (
        f"{type(model).__name__}-{getattr(model, 'init', '')}-{getattr(model, 'precision', '')}"
    ),
)
def test_all_is_computed_on_the_device_that_holds_the_rows(model, X, pretended_device):
    X = torch.from_numpy(X).float()
    there = clone(model).fit(X.to(pretended_device))
    here = clone(model).fit(X)
    found = there.transform(X.to(pretended_device))
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), here.transform(X), rtol=1e-2, atol=1e-2)
    moved = clone(model).set_params(device=pretended_device).fit(X)
    assert moved.transform(X).device.type == "cpu"  # where X lies


@pytest.mark.parametrize("model", [NMF(3), KMeans(3)], ids=["nmf", "kmeans"])
def test_streams_are_absorbed_on_the_device(model, X, pretended_device):
    batches = torch.from_numpy(X).float().to(pretended_device).split(100)
    for batch in batches:
        model.partial_fit(batch)
    assert model.n_batches_ == len(batches)
