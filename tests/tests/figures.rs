//! Every figure of `make bench` can be measured. What it measures is for `make bench` to say: these sizes mean nothing.

use nuanfang_tests::figures::{BENCHES, Size};

#[test]
fn every_figure_can_be_measured() {
    for (figures, prepare) in BENCHES {
        let ids: Vec<_> = figures.iter().map(|figure| figure.id).collect();
        let mut bench = prepare(Size::Small).unwrap_or_else(|error| panic!("{ids:?}: {error}"));
        if bench.missing().is_some() {
            continue;
        }
        let runs = bench.run().unwrap_or_else(|error| panic!("{ids:?}: {error}"));
        assert_eq!(runs.len(), figures.len(), "{ids:?}");
        for (figure, run) in figures.iter().zip(runs) {
            let value = run.value(figure.value);
            assert!(value.is_finite() && value > 0.0 && run.probe > 0.0, "{}: {run:?}", figure.id);
        }
    }
}

#[test]
fn no_two_figures_share_an_id() {
    let mut ids: Vec<_> = BENCHES.iter().flat_map(|(figures, _)| figures.iter().map(|figure| figure.id)).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
