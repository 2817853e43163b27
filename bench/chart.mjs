// Draws the costs of a start with nothing pending: node chart.mjs results.json > chart.svg
import { readFileSync } from 'node:fs';
import * as vega from 'vega';
import { compile } from 'vega-lite';

const { nothingPending } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const values = nothingPending.map(({ name, cost }) => ({
  name,
  kind: name.startsWith('this program') ? 'this program' : 'others',
  wall: cost.wallMs.median,
  low: cost.wallMs.q1,
  high: cost.wallMs.q3,
  memory: cost.peakMb.median,
}));
const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 200 } };
const color = { field: 'kind', type: 'nominal', legend: null, scale: { domain: ['this program', 'others'], range: ['#7958ff', '#a9b1bc'] } };
const origin = 8; // a logarithmic axis has no zero for bars to begin at
const panel = (field, title, format, more = []) => ({
  width: 320,
  height: { step: 24 },
  title,
  layer: [
    {
      mark: 'bar',
      encoding: { y, color, x: { field, type: 'quantitative', scale: { type: 'log', domainMin: origin, nice: false }, title: null }, x2: { datum: origin } },
    },
    ...more,
    {
      mark: { type: 'text', align: 'left', dx: 8 },
      encoding: { y, x: { field: more.length > 0 ? 'high' : field, type: 'quantitative' }, text: { field, type: 'quantitative', format } },
    },
  ],
});
const quartiles = {
  mark: { type: 'rule', color: '#333' },
  encoding: { y, x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } },
};
const specification = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 16,
  data: { values },
  hconcat: [
    panel('wall', 'wall time in ms (logarithmic; the line spans the quartiles)', ',.0f', [quartiles]),
    panel('memory', 'peak memory in MB (logarithmic)', ',.0f'),
  ],
  config: { view: { stroke: null }, font: 'sans-serif', axis: { grid: false } },
};
const view = new vega.View(vega.parse(compile(specification).spec), { renderer: 'none' });
process.stdout.write(await view.toSVG());
