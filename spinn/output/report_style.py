"""The look of report.html: inline, no fonts or images from elsewhere, light or dark as the reader's system is."""

STYLE = """
:root { color-scheme: light dark; --back: #fbfbfc; --card: #fff; --text: #1d2127; --soft: #626a75; --line: #e2e5ea;
  --ok: #12734a; --bad: #b3261e; --warm: #fff4dc; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --back: #15181c; --card: #1d2127; --text: #e6e8eb; --soft: #9aa3ae;
  --line: #32383f; --ok: #58c692; --bad: #ff8a80; --warm: #3a2f12; --accent: #7db8f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
header { display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 34px 0 8px; }
.status { font-weight: 600; } .status.ok { color: var(--ok); } .status.bad { color: var(--bad); }
.recipe, .note { color: var(--soft); margin: 6px 0; max-width: 75ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: 10px; margin: 20px 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tiles dt { color: var(--soft); font-size: 12.5px; font-weight: 400; }
.tiles dd { margin: 2px 0 0; font-size: 18px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
.number { text-align: right; }
.wide { overflow-x: auto; }
.warnings { background: var(--warm); border-radius: 8px; padding: 2px 18px 8px; margin-top: 18px; }
.warnings h2 { margin: 12px 0 4px; } .warnings ul { margin: 0; padding-left: 20px; }
figure { margin: 14px 0 22px; }
img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 8px;
  padding: 8px; }
figcaption { color: var(--soft); font-size: 13px; }
details { border-top: 1px solid var(--line); padding: 10px 0; } details:first-of-type { margin-top: 34px; }
summary { cursor: pointer; font-weight: 600; color: var(--accent); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
  font: 13px/1.45 ui-monospace, monospace; }
details dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 8px 0; font-size: 14px; }
details dt { color: var(--soft); } details dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
"""
