// Draws what replicas that wait cost: node herd.mjs results.json > herd.svg
import { readFileSync } from 'node:fs';
import * as vega from 'vega';
import { compile } from 'vega-lite';

const { herd } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const values = herd.map((row) => ({
  ...row,
  deploy: row.deployMs === null ? null : row.deployMs / 1000,
  all: row.deployMs === null ? null : (row.deployMs + row.lastAfterMs) / 1000,
}));
const panel = (field, title) => ({
  width: 260,
  height: 200,
  title,
  mark: { type: 'line', point: true },
  encoding: {
    x: { field: 'replicas', type: 'quantitative', title: 'replicas' },
    y: { field, type: 'quantitative', title: null },
    color: { field: 'binary', type: 'nominal', title: null, scale: { range: ['#a9b1bc', '#7958ff'], domain: ['before', 'this one'] } },
  },
});
const specification = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 16,
  data: { values },
  hconcat: [panel('deploy', 'deploy, s'), panel('all', 'deploy and last replica, s'), panel('connectionsPerSecond', 'connections a second')],
  config: { view: { stroke: null }, font: 'sans-serif' },
};
const view = new vega.View(vega.parse(compile(specification).spec), { renderer: 'none' });
process.stdout.write(await view.toSVG());
