// SPDX-License-Identifier: Apache-2.0
// browser.mjs FOLDER SCREENSHOTS: serves the page that is in FOLDER, uses it by keyboard in a headless
// Chromium, and takes screenshots. Whatever the console complains of is a failure. Without Chromium
// it is skipped (77).
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { Browser, findBrowser } from './devtools.mjs';

const [, , folder, screenshots] = process.argv;
const TYPES = { '.html': 'text/html', '.mjs': 'text/javascript', '.css': 'text/css',
    '.wasm': 'application/wasm' };
const TAB = ['Tab', 9];
const SPACE = [' ', 32, ' '];
const WIDE = { width: 1000, height: 900, deviceScaleFactor: 1, mobile: false };
const PHONE = { width: 360, height: 740, deviceScaleFactor: 2, mobile: true };

const path = findBrowser();
if (!path) {
    console.log('skipped: no Chromium is to be had here (Debian: chromium)');
    process.exit(77);
}

const server = createServer((request, response) => {
    const name = normalize(new URL(request.url, 'http://localhost').pathname).slice(1) || 'index.html';
    try {
        const body = readFileSync(join(folder, name));
        response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'text/plain' });
        response.end(body);
    } catch {
        response.writeHead(404).end();
    }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}/`;

// Of the page, within one task: what was counted, and what the chart has.
const STATE = `import('./page.mjs').then(({ db, chart, reader }) => ({
    ring: db.record('tank.level').metrics(), reader: reader.metrics(),
    setpoint: db.record('tank.setpoint').peek().percent,
    last: chart.points.at(-1), count: chart.points.length,
    gaps: chart.points.reduce((sum, { missed }) => sum + missed, 0),
    shown: Object.fromEntries([...document.querySelectorAll('dd')].map(
        ({ id, textContent }) => [id, Number(textContent)])),
}))`;
const last = (claim) => `import('./page.mjs').then(({ chart }) => {
    const last = chart.points.at(-1);
    return last !== undefined && (${claim});
})`;

async function tabTo(page, id) {
    for (let i = 0; i < 8; i++) {
        if (await page.evaluate('document.activeElement.id') === id) {
            return;
        }
        await page.press(...TAB);
    }
    assert.fail(`#${id} is not reached with Tab`);
}

// Pixels of the canvas in about a colour of the style sheet.
const pixels = (name) => `(() => {
    const canvas = document.getElementById('chart');
    const copy = new OffscreenCanvas(canvas.width, canvas.height)
        .getContext('2d', { willReadFrequently: true });
    copy.fillStyle = getComputedStyle(canvas).getPropertyValue('--${name}');
    copy.fillRect(0, 0, 1, 1);
    const [r, g, b] = copy.getImageData(0, 0, 1, 1).data;
    copy.clearRect(0, 0, 1, 1);
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
        count += Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 12
            && data[i + 3] > 200;
    }
    return count;
})()`;

function countersAgree({ ring, reader, shown }) {
    assert.equal(reader.received + reader.missed + reader.pending, ring.produced);
    assert.equal(shown.received + shown.missed + shown.pending, shown.produced);
    assert.equal(shown.received, reader.received);
    assert.equal(shown.missed, reader.missed);
}

async function look(page, name, metrics, scheme) {
    await page.call('Emulation.setDeviceMetricsOverride', metrics);
    await page.call('Emulation.setEmulatedMedia',
        { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    await page.until(`${pixels('level')} > 200 && ${pixels('setpoint')} > 50`);
    const { wide, high } = await page.evaluate(`({ wide: document.documentElement.scrollWidth,
        high: [...document.querySelectorAll('button, input')].every((e) => e.offsetHeight >= 36) })`);
    assert.ok(wide <= metrics.width, `${name}: ${wide} pixels wide`);
    assert.ok(high, `${name}: something is too small for a finger`);
    writeFileSync(join(screenshots, `${name}.png`), await page.screenshot());
}

async function use(page) {
    await page.call('Emulation.setFocusEmulationEnabled', { enabled: true });
    await page.call('Emulation.setDeviceMetricsOverride', WIDE);
    await page.call('Page.navigate', { url: address });
    await page.until('document.readyState === "complete" && location.protocol === "http:"');
    await page.until(last('last.percent > 20')); // towards 40, where the slider is at first
    countersAgree(await page.evaluate(STATE));

    await tabTo(page, 'setpoint');
    for (let i = 0; i < 5; i++) {
        await page.press('ArrowRight', 39);
    }
    let state = await page.evaluate(STATE);
    assert.equal(state.setpoint, 45);
    assert.equal(state.shown.setpoints, 6);
    assert.equal(await page.evaluate('document.getElementById("setpoint-shown").textContent'), '45 %');
    await page.until(last('last.setpoint === 45 && Math.abs(last.percent - 45) < 1'));

    await page.press('End', 35);
    await page.until(last('last.setpoint === 100 && last.percent > 91'));
    await page.until('!document.getElementById("high").hidden');
    await page.press('Home', 36);
    await page.until(last('last.setpoint === 0 && last.percent < 50'));
    await page.until('document.getElementById("high").hidden');

    await tabTo(page, 'refused');
    await page.press(...SPACE);
    await page.until('document.getElementById("message").textContent.includes("AIMDB_EINVAL")');
    state = await page.evaluate(STATE);
    assert.equal(state.setpoint, 0);
    assert.equal(state.shown['setpoints-refused'], 1);

    await tabTo(page, 'pause');
    await page.press(...SPACE);
    await page.until('Number(document.getElementById("pending").textContent) > 100');
    state = await page.evaluate(STATE);
    assert.equal(state.reader.missed, 0); // it is not told before it reads
    await page.press(...SPACE);
    await page.until('Number(document.getElementById("missed").textContent) > 0');
    state = await page.evaluate(STATE);
    countersAgree(state);
    assert.equal(state.gaps, state.reader.missed);
    assert.ok(state.ring.produced > 150, `${state.ring.produced} levels`);

    await page.until(last('last.percent < 4'));
    await tabTo(page, 'pour');
    await page.press(...SPACE);
    await page.until(last('last.percent > 8'));
    assert.equal((await page.evaluate(STATE)).shown.commands, 1);

    await tabTo(page, 'setpoint');
    for (let i = 0; i < 6; i++) {
        await page.press('PageUp', 33);
    }
    await page.until(last('last.setpoint === 60 && last.percent > 50'));
}

mkdirSync(screenshots, { recursive: true });
const browser = new Browser(path);
let page;
try {
    page = await browser.newPage();
    await use(page);
    await look(page, 'light', WIDE, 'light');
    await look(page, 'dark', WIDE, 'dark');
    await page.press('End', 35);
    await page.until('!document.getElementById("high").hidden');
    await tabTo(page, 'refused');
    await page.press(...SPACE);
    await look(page, 'phone', PHONE, 'light');
    await look(page, 'phone-dark', PHONE, 'dark');
    countersAgree(await page.evaluate(STATE));
    assert.deepEqual(page.complaints, []);
    console.log(`the page works; screenshots are in ${screenshots}`);
} catch (error) {
    console.error(error, page?.complaints);
    process.exitCode = 1;
} finally {
    await browser.close();
    server.close();
}
