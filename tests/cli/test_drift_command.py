import pandas as pd

from deepclust import save
from deepclust.cli import main


def test_drift_prints_a_table_and_writes_the_clusters(
    fitted_clusterer, corpus, tmp_path, capsys
):
    model = save(fitted_clusterer, tmp_path / "model.dct")
    small = save(fitted_clusterer, tmp_path / "small.dct", profile="predict")
    new, old = tmp_path / "new.txt", tmp_path / "old.txt"
    new.write_text("\n".join(corpus.texts[:60]))
    old.write_text("\n".join(corpus.texts[60:]))

    assert main(["drift", str(model), str(new), "--out", str(tmp_path / "d.csv")]) == 0

    assert "60 texts against 300" in capsys.readouterr().out
    clusters = pd.read_csv(tmp_path / "d.csv")
    assert clusters["cluster"].tolist()[-1] == -1
    assert main(["drift", str(small), str(new)]) == 2
    assert "pass --reference" in capsys.readouterr().err
    assert main(["drift", str(small), str(new), "--reference", str(old)]) == 0
