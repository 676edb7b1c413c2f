"""Corrections of VisualDL's page: text that is replaced while the page is served.

The installed files stay as they are. Each correction is checked against them: where its text does
not occur exactly once, as in another VisualDL, it is left out, and :func:`unfit` names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# What the page imports from numeric.js to find principal components, without that library's
# Function(), which the Content-Security-Policy of the board refuses. ``svd`` is for the symmetric
# matrix of covariances alone, whose singular vectors are its eigenvectors: by Jacobi rotations
# (Golub and Van Loan, "Matrix Computations", section 8.5).
LINEAR_ALGEBRA = """{
transpose: m => m[0].map((_, j) => m.map(row => row[j])),
div: (m, x) => m.map(row => row.map(value => value / x)),
dot: (a, b) => {
  const c = a.map(() => new Float64Array(b[0].length));
  a.forEach((row, i) => row.forEach((x, k) => {
    for (let j = 0; j < b[k].length; j++) c[i][j] += x * b[k][j];
  }));
  return c.map(row => Array.from(row));
},
svd: matrix => {
  const n = matrix.length, a = matrix.map(row => row.slice());
  const v = a.map((_, i) => a.map((_, j) => +(i === j)));
  const turn = (rows, p, q, c, s) => rows.forEach(row => {
    [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
  });
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0, all = 0;
    a.forEach((row, i) => row.forEach((x, j) => { all += x * x; if (i !== j) off += x * x; }));
    if (off <= 1e-24 * all) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) {
      if (a[p][q] === 0) continue;
      const half = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(half, 1));
      const c = 1 / Math.hypot(t, 1), s = t * c;
      turn(a, p, q, c, s);
      for (let k = 0; k < n; k++)
        [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      turn(v, p, q, c, s);
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return {S: order.map(i => Math.max(0, a[i][i])), U: v.map(row => order.map(i => row[i]))};
}}"""


@dataclass(frozen=True)
class Correction:
    """A text of VisualDL's page, and what replaces it.

    Attributes:
        cures: The fault, in words.
        file: Where it stands, relative to VisualDL's ``server/dist``.
        old: Occurs once.
        new: In its place.
    """

    cures: str
    file: str
    old: str
    new: str


_COMPONENTS = "_dist_/components"
_PARALLEL = (
    f"{_COMPONENTS}/HyperParameterPage/ParallelCoordinatesView/ParallelCoordinatesGraph/"
    "ParallelCoordinatesGraph.js"
)
CORRECTIONS = (
    Correction(
        "parallel coordinates freeze the browser",  # it shortens a name by 1, and adds 3 each time
        _PARALLEL,
        'for(;a>this.columnWidth-u.GRID_BRUSH_WIDTH/2;)r.text(r.text().slice(0,-1)+"..."),',
        "for(let short=e.name;short&&a>this.columnWidth-u.GRID_BRUSH_WIDTH/2;)"
        'short=short.slice(1),r.text("\u2026"+short),',
    ),
    Correction(
        "parallel coordinates have no handle to drag",
        _PARALLEL,
        "/icons/dragger.svg",
        "/__snowpack__/link/packages/icons/svgs/dragger.svg",
    ),
    Correction(
        "embeddings end in an error",
        "_dist_/resource/high-dimensional/pca.js",
        'import A from"../../../__snowpack__/pkg/numeric.js";',
        f"const A={LINEAR_ALGEBRA};",
    ),
    Correction(
        "texts lose their line breaks",
        "index.html",
        "</head>",
        "<style>.text[title]{white-space:pre-wrap!important;font-family:monospace}</style></head>",
    ),
    Correction(
        "images and texts open at the first step",
        f"{_COMPONENTS}/SamplePage/SampleChart.js",
        "const y=k(()=>{var e;return(e=r==null?void 0:r[t].wallTime)!=null?e:0},[r,t])",
        "C(()=>{a.length&&j(a.length-1)},[a.length>0]);"
        "const y=k(()=>{var e;return(e=r==null?void 0:r[t].wallTime)!=null?e:0},[r,t])",
    ),
    Correction(
        "ROC curves are labelled precision and recall",
        f"{_COMPONENTS}/CurvesPage/CurveChart.js",
        '{label:t("curves:precision")},{label:t("curves:recall")}',
        '{label:S==="roc"?"TPR":t("curves:precision")},{label:S==="roc"?"FPR":t("curves:recall")}',
    ),
    Correction(
        "curves are smoothed, so that they seem to end elsewhere",
        "_dist_/resource/scalar/data.js",
        "let o=.6;",
        "let o=0;",
    ),
)


def correct(name: str, text: str) -> str:
    """A file of the page with its corrections."""
    for correction in CORRECTIONS:
        if correction.file == name and text.count(correction.old) == 1:
            text = text.replace(correction.old, correction.new)
    return text


def unfit(read: Callable[[str], str]) -> list[str]:
    """What the corrections that do not fit the installed VisualDL would cure.

    Args:
        read: Gives the text of a file, empty where there is none.
    """
    files: Mapping[str, str] = {name: read(name) for name in {c.file for c in CORRECTIONS}}
    return [c.cures for c in CORRECTIONS if files[c.file].count(c.old) != 1]
