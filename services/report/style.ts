/** The look of the report, light and dark, from a telephone to a desktop. The charts take their colours from here. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f5f6f8; --text: #1b2230; --muted: #566072; --rule: #d9dde4;
  --candidate: #1d4ed8; --champion: #a8500a; --newcomers: #0f766e; --strangers: #b3261e;
  --good: #146c2e; --bad: #b3261e; --unsure: #8a5a00;
  --good-ground: #e6f4ea; --bad-ground: #fdeceb; --unsure-ground: #fdf3dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1a1e26; --ground: #12151b; --text: #e7eaf0; --muted: #a5aebd; --rule: #333a47;
    --candidate: #8ab0ff; --champion: #f0a561; --newcomers: #4fd1c1; --strangers: #ff9a91;
    --good: #7fd698; --bad: #ff9a91; --unsure: #f0c565;
    --good-ground: #16301f; --bad-ground: #3a1d1b; --unsure-ground: #342a12;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, 'Segoe UI', Roboto, sans-serif; }
main, footer { max-width: 1120px; margin: 0 auto; padding: 16px; }
main { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr); }
section, header.verdict { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 20px; }
h1, h2, h3, p, ul, dl, figure { margin: 0; }
h1 { font-size: 30px; line-height: 1.2; margin: 2px 0 4px; }
h2 { font-size: 19px; margin-bottom: 10px; }
h3 { font-size: 15px; margin: 0 0 6px; }
h3:first-letter { text-transform: uppercase; }
bdi, li, dd, p, figcaption, .message { overflow-wrap: anywhere; }
header.verdict { border-left-width: 8px; }
header.blessed { background: var(--good-ground); border-color: var(--good); }
header.rejected { background: var(--bad-ground); border-color: var(--bad); }
header.inconclusive { background: var(--unsure-ground); border-color: var(--unsure); }
.blessed .mark, .good { color: var(--good); }
.rejected .mark, .bad { color: var(--bad); }
.inconclusive .mark { color: var(--unsure); }
.kicker, .note, .meaning, .bound, .message, figcaption, .path { color: var(--muted); }
.verdict .kicker { color: var(--text); }
.meaning, .bound, .message, figcaption, .path, .note { font-size: 13px; line-height: 1.4; }
.reasons { padding-left: 20px; margin-top: 8px; }
.sentences { padding-left: 20px; margin-bottom: 12px; }
.cards { list-style: none; padding: 0; display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); }
.cards li { border: 1px solid var(--rule); border-radius: 8px; padding: 12px; display: flex; flex-direction: column; gap: 2px; }
.cards .meaning { margin-top: auto; padding-top: 8px; }
.cards + .note { margin-top: 12px; }
.big { font-size: 30px; line-height: 1.2; font-weight: 650; color: var(--candidate); font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--candidate); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 8px; border-top: 1px solid var(--rule); text-align: left; vertical-align: top; }
thead th { border-top: 0; color: var(--muted); font-size: 13px; font-weight: 600; vertical-align: bottom; }
th[scope=row] { font-weight: 500; min-width: 80px; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.after { margin-top: 10px; }
.message { display: block; font-weight: 400; white-space: normal; }
.outcome { white-space: nowrap; font-weight: 600; }

.gates { list-style: none; padding: 0; margin-top: 6px; }
.gates li { display: grid; grid-template-columns: 110px minmax(0, 1fr) auto; gap: 0 12px; padding: 7px 0; border-top: 1px solid var(--rule); }
.gates .gate { font-weight: 500; }
.gates .measured { text-align: right; font-variant-numeric: tabular-nums; }
.gates .message { grid-column: 2 / -1; }
.held { color: var(--good); } .broken { color: var(--bad); } .undecided { color: var(--unsure); }
.charts, .columns { display: grid; gap: 20px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.charts { margin-top: 16px; }
figure { max-width: 520px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { margin-top: 6px; }
.keys { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; }
.key { display: inline-flex; align-items: center; gap: 6px; }
.swatch { width: 22px; border-top: 3px solid; }
.swatch.dashed { border-top-style: dashed; }
.swatch.threshold { color: var(--muted); width: 0; height: 14px; border-top: 0; border-left: 2px dashed; }
.swatch.candidate { color: var(--candidate); } .swatch.champion { color: var(--champion); } .swatch.newcomers { color: var(--newcomers); }
.meter { display: block; height: 4px; min-width: 60px; background: var(--rule); border-radius: 2px; }
.meter span { display: block; height: 100%; background: var(--candidate); border-radius: 2px; }
details { margin-top: 8px; }
summary { cursor: pointer; color: var(--candidate); padding: 4px 0; }
.pictures { list-style: none; padding: 0; display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); margin-bottom: 16px; }
.pictures img { display: block; width: 96px; height: 96px; object-fit: contain; background: var(--ground); border-radius: 6px; margin-bottom: 4px; }
.pictures .path { font-size: 12px; }
.pictures .pair-of-images img { display: inline-block; width: 84px; height: 84px; margin-right: 4px; }
.no-picture { width: 96px; height: 96px; display: grid; place-items: center; text-align: center; padding: 6px; box-sizing: border-box; font-size: 12px; color: var(--muted); border: 1px dashed currentColor; border-radius: 6px; margin-bottom: 4px; overflow-wrap: anywhere; }
.meaning.bad { color: var(--bad); }
.facts { display: grid; gap: 10px 20px; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); margin-bottom: 14px; }
.facts dt { color: var(--muted); font-size: 13px; }
.facts dd { margin: 0; font-weight: 500; }
.pair { display: grid; gap: 16px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
footer { color: var(--muted); font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 760px) {
  main, footer { padding: 10px; }
  main { gap: 10px; }
  section, header.verdict { padding: 14px; }
  .charts, .columns, .pair { grid-template-columns: minmax(0, 1fr); }
  .pair { gap: 10px; }
  .cards { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(100px, 1fr)); }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .gates li { grid-template-columns: minmax(0, 1fr) auto; }
  .gates .outcome { grid-row: 1; grid-column: 2; }
  .gates .gate { grid-row: 1; grid-column: 1; }
  .gates .measured { grid-column: 1 / -1; text-align: left; font-size: 13px; }
  .gates .message { grid-column: 1 / -1; }
  table { font-size: 14px; }
  th, td { padding: 6px 4px; }
}
@media print { body { background: #fff; } section { break-inside: avoid; } }
`;
