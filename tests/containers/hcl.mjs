// node hcl.mjs FOLDER FILE: fails when FILE is not HCL, and prints its tasks with their mounts. FOLDER holds node_modules with hcl2-parser.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const [, , folder, file] = process.argv;
const { parseToObject } = createRequire(path.resolve(folder, 'x'))('hcl2-parser');
const [content, error] = parseToObject(readFileSync(file, 'utf8'));
if (error || !content) {
  console.error(`${file} is not HCL`);
  process.exit(1);
}
const [job] = Object.values(content.job)[0];
if (job.update) console.log('auto_revert', job.update[0].auto_revert);
const [group] = job.group.logto;
for (const [name, [task]] of Object.entries(group.task)) {
  console.log(name, task.driver, task.lifecycle?.[0].hook ?? 'main', task.lifecycle?.[0].sidecar ?? '');
  for (const mount of task.volume_mount ?? []) {
    console.log(name, 'mounts', group.volume[mount.volume][0].source, 'at', mount.destination);
  }
}
