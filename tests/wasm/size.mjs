// SPDX-License-Identifier: Apache-2.0
// size.mjs MODULE BUDGET: the module is no larger than that, and imports nothing but the port's hooks.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const bytes = await readFile(process.argv[2]);
const budget = Number(process.argv[3]);
const names = WebAssembly.Module.imports(new WebAssembly.Module(bytes))
    .map(({ module, name }) => `${module}.${name}`);
console.log(`${bytes.length} bytes of ${budget}, ${gzipSync(bytes, { level: 9 }).length} compressed; `
    + `imports ${names.join(', ')}`);
assert.ok(bytes.length <= budget, `${bytes.length - budget} bytes too large`);
for (const name of names) {
    assert.ok(['aimdb.clock', 'aimdb.wake', 'aimdb.panic'].includes(name), name);
}
