"""The page template: HTML and CSS, without external resources or scripts."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>alkit: {dataset}</title>
<link rel="icon" href="data:,">
<style>
  :root {{ --ink: #1a1d21; --soft: #5a626b; --line: #dde1e6; --blue: #0072b2; --warm: #b54700; }}
  * {{ box-sizing: border-box; }}
  body {{ font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
         background: #fff; max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 4rem;
         overflow-wrap: anywhere; }}
  h1 {{ font-size: clamp(1.45rem, 4vw, 2rem); line-height: 1.2; margin: 0; }}
  h2 {{ font-size: 1.2rem; margin: 2.5rem 0 .75rem; }}
  h3 {{ font-size: 1rem; margin: 1.5rem 0 .25rem; }}
  p {{ max-width: 46rem; margin: .5rem 0; }}
  .sub, .legend {{ color: var(--soft); }}
  .legend {{ font-size: .875rem; }}
  .notice {{ border-left: 4px solid var(--warm); background: #fff4ec; padding: .6rem .9rem;
            border-radius: 0 6px 6px 0; }}
  .notice strong {{ color: #8a3600; }}
  .verdict {{ border-left: 4px solid var(--blue); background: #eef6fb; max-width: 46rem;
             padding: .5rem 1rem; border-radius: 0 6px 6px 0; margin-top: 1.25rem; }}
  .verdict strong {{ font-size: 1.2rem; line-height: 1.35; }}
  .verdict ul {{ margin: .5rem 0; padding-left: 1.2rem; }}
  .verdict li {{ margin: .35rem 0; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
  th, td {{ padding: .4rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }}
  thead th {{ font-size: .875rem; color: var(--soft); font-weight: 500; }}
  tbody th {{ font-weight: 600; min-width: 8rem; }} /* only longer names may wrap */
  thead th {{ overflow-wrap: normal; }}
  td {{ white-space: nowrap; }}
  th:first-child {{ text-align: left; padding-left: 0; }}
  .figures {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(2, minmax(0, 36rem)); }}
  figure {{ margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: .75rem; }}
  figcaption {{ font-weight: 600; margin-bottom: .4rem; }}
  img {{ display: block; width: 100%; height: auto; }}
  ol {{ padding-left: 3.5rem; font-size: .875rem; }}
  dl {{ margin: 0; display: grid; gap: .35rem 2rem;
       grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }}
  dl div {{ display: grid; grid-template-columns: 9rem 1fr; gap: .75rem; }}
  dt {{ color: var(--soft); }}
  dd {{ margin: 0; }}
  @media (max-width: 44rem) {{
    body {{ padding-top: 1.25rem; }}
    .figures {{ grid-template-columns: minmax(0, 36rem); }}
  }}
  @media (max-width: 60rem) {{ /* one card per row */
    table, tr, td, tbody th {{ display: block; }}
    tbody {{ display: grid; gap: .75rem;
            grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }}
    thead {{ position: absolute; clip-path: inset(50%); }}
    tr {{ border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; }}
    th, td {{ border: 0; padding: .1rem 0; }}
    td {{ display: flex; justify-content: space-between; gap: 1rem; }}
    td::before {{ content: attr(data-name); color: var(--soft); }}
    td:empty {{ display: none; }}
    dl div {{ grid-template-columns: 8rem 1fr; }}
  }}
  @media print {{ figure, tr, dl div {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<header>
<h1>Active learning on {dataset}</h1>
<p class="sub">{subtitle}</p>
</header>
<main>
{notices}
<section class="verdict" aria-label="Verdict">{verdict}</section>
<h2>Results</h2>
{table}
<p class="legend">{legend}</p>
<h2>Figures</h2>
<div class="figures">{figures}</div>
<h2>Cost per round</h2>
{costs}
<p class="legend">Means over rounds and trials; memory is the peak of the process. Samples seen
are those in training batches, including unannotated ones.</p>
{choices}
<h2>Protocol</h2>
<p>All strategies of a trial share the initial annotated set, the initial weights and the order
of the data. All numbers, and the samples in the order in which they were picked, are in
<code>records.csv</code>, with one row per strategy, seed and round.</p>
<dl>{facts}</dl>
<h3>Seeds</h3>
<p>{seeds}</p>
<h3>Versions</h3>
<dl>{versions}</dl>
</main>
</body>
</html>
"""
