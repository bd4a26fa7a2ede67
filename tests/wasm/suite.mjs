// SPDX-License-Identifier: Apache-2.0
// suite.mjs MODULE: the core and aimdb.mjs in node, on the module of module.c.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { AimdbError, AimdbPanic, open } from '../../examples/wasm/aimdb.mjs';

const module = await WebAssembly.compile(await readFile(process.argv[2]));
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));
const numbers = (...list) => list.map((n) => ({ n }));

// A database without turns of its own, on a clock that stands still.
async function openManual(options = {}) {
    const clock = { now: 0n };
    const db = await open(module, { manual: true, clock: () => clock.now, ...options });
    return { db, clock, c: db.exports_ };
}

test('a module describes its records and tasks', async () => {
    const { db } = await openManual();
    assert.deepEqual([...db.records.keys()],
        ['ring', 'latest', 'box', 'guarded', 'again', 'plain', 'ticks', 'begun']);
    assert.equal(db.record('ring').buffer, 'spmc_ring');
    assert.equal(db.record('latest').buffer, 'single_latest');
    assert.equal(db.record('box').buffer, 'mailbox');
    assert.equal(db.record('latest').type, 'every');
    const fields = db.record('latest').fields.map(({ name, unit, kind }) => [name, unit, kind]);
    assert.deepEqual(fields.slice(0, 2), [['yes', '', 'bool'], ['i8', '', 'i8']]);
    assert.deepEqual(fields.at(-2), ['f32', 'degC', 'f32']);
    assert.deepEqual([...db.tasks.keys()], ['count_down', 'tick', 'begin']);
    assert.equal(db.tasks.get('tick').isSource, true);
    assert.equal(db.tasks.get('begin').isSource, false);
    assert.equal(db.tasks.get('begin').record, db.record('begun'));
    assert.throws(() => db.record('none'), RangeError);
});

test('an overrun reader of a ring is told once what it missed, then gets what is left', async () => {
    const { db } = await openManual();
    const ring = db.record('ring');
    const one = ring.subscribe();
    const other = ring.subscribe();
    for (let n = 1; n <= 10; n++) {
        ring.produce({ n });
    }
    assert.equal(one.metrics().pending, 10);
    assert.deepEqual(one.tryRecv(), { missed: 6 });
    for (const n of [7, 8, 9, 10]) {
        assert.deepEqual(one.tryRecv(), { value: { n } });
    }
    assert.equal(one.tryRecv(), undefined);
    assert.deepEqual(other.drain(3), { values: numbers(7, 8, 9), missed: 6 });
    assert.deepEqual(other.drain(), { values: numbers(10), missed: 0 });
    for (const reader of [one, other]) {
        assert.deepEqual(reader.metrics(),
            { received: 4, missed: 6, skipped: 0, lags: 1, pending: 0 });
    }
    assert.deepEqual(ring.metrics(), { capacity: 4, produced: 10, refused: 0, overwritten: 0 });
    assert.throws(() => ring.peek(), { code: 'AIMDB_ENOTSUP' });
});

test('a batch is as large as the room at the most, a drain takes as many as there are', async () => {
    const { db, c } = await openManual();
    const ring = db.record('again'); // of 64 values; 16 fit the room
    const reader = ring.subscribe();
    const batch = (from) => numbers(...Array.from({ length: 16 }, (_, i) => from + i));
    ring.produce(batch(0));
    assert.equal(ring.metrics().produced, 16);
    for (let from = 16; from < 96; from += 16) {
        ring.produce(batch(from));
    }
    const [first, ...rest] = [32, 48, 64, 80].map(batch);
    assert.deepEqual(reader.drain(20), { values: [...first, ...rest[0].slice(0, 4)], missed: 32 });
    assert.deepEqual(reader.drain(), { values: rest.flat().slice(4), missed: 0 });
    ring.produce([]);
    assert.equal(reader.tryRecv(), undefined);
    assert.throws(() => ring.produce([...batch(0), { n: 16 }]), RangeError);
    assert.equal(c.module_produce(ring.address_, 17), -6);
    ring.produce(batch(0));
    ring.produce(batch(16));
    assert.equal(c.module_drain(reader.address_, 1000), 16);
});

test('a value of every kind comes back as it went in', async () => {
    const { db } = await openManual();
    const latest = db.record('latest');
    assert.equal(latest.peek(), undefined);
    const low = { yes: false, i8: -128, i16: -32768, i32: -(2 ** 31), i64: -(2n ** 63n), u8: 0,
        u16: 0, u32: 0, u64: 0n, f32: -0.5, f64: -1e300 };
    const high = { yes: true, i8: 127, i16: 32767, i32: 2 ** 31 - 1, i64: 2n ** 63n - 1n, u8: 255,
        u16: 65535, u32: 2 ** 32 - 1, u64: 2n ** 64n - 1n, f32: Infinity, f64: NaN };
    for (const value of [low, high]) {
        latest.produce(value);
        assert.deepEqual(latest.peek(), value);
    }
    const mistakes = { yes: 1, i8: 128, i16: 0.5, i32: '1', i64: 1, u8: -1, u16: NaN,
        u32: 2 ** 32, u64: -1n, f32: 1e300, f64: 1n };
    for (const [name, value] of Object.entries(mistakes)) {
        assert.throws(() => latest.produce({ ...low, [name]: value }), /latest\.\w+/, name);
    }
    assert.throws(() => latest.produce({ ...low, more: 1 }), TypeError);
    assert.throws(() => db.record('ring').produce({}), TypeError);
    assert.throws(() => db.record('plain').produce({ x: 1 }), /no schema/);
    assert.deepEqual(latest.peek(), high);
});

test('a reader of a SingleLatest gets the current value once and skips older ones', async () => {
    const { db } = await openManual();
    const latest = db.record('latest');
    const value = { yes: true, i8: 1, i16: 1, i32: 1, i64: 1n, u8: 1, u16: 1, u32: 1, u64: 1n,
        f32: 1, f64: 1 };
    latest.produce(value);
    const reader = latest.subscribe();
    assert.equal(reader.tryRecv().value.u32, 1);
    assert.equal(reader.tryRecv(), undefined);
    for (const u32 of [2, 3, 4]) {
        latest.produce({ ...value, u32 });
    }
    assert.equal(reader.tryRecv().value.u32, 4);
    assert.deepEqual(reader.metrics(),
        { received: 2, missed: 0, skipped: 2, lags: 0, pending: 0 });
});

test('a mailbox is overwritten, taken once, and an observer takes nothing', async () => {
    const { db } = await openManual();
    const box = db.record('box');
    const taker = box.subscribe();
    const other = box.subscribe();
    const observer = box.observe();
    box.produce({ n: 1 });
    box.produce({ n: 2 });
    assert.deepEqual(observer.tryRecv(), { value: { n: 2 } });
    assert.deepEqual(box.peek(), { n: 2 });
    assert.deepEqual(taker.tryRecv(), { value: { n: 2 } });
    assert.equal(other.tryRecv(), undefined);
    assert.equal(box.peek(), undefined);
    assert.equal(box.metrics().overwritten, 1);
});

test('a producer function changes and refuses; records without one take everything', async () => {
    const { db } = await openManual();
    const guarded = db.record('guarded');
    const reader = guarded.subscribe();
    guarded.produce({ n: 8 });
    assert.throws(() => guarded.produce({ n: 3 }), (error) => error instanceof AimdbError
        && error.code === 'AIMDB_EINVAL' && error.value === -6 && /bad argument/.test(error.message));
    assert.deepEqual(reader.drain(), { values: numbers(4), missed: 0 });
    assert.equal(guarded.metrics().refused, 1);
    db.record('ring').produce({ n: 3 }); // its producer function is an undefined weak symbol
    assert.equal(db.record('ring').metrics().refused, 0);
});

test('the clock has 64 bits', async () => {
    const { clock, c } = await openManual();
    for (const now of [0n, 2n ** 32n + 1n, 2n ** 53n + 1n, 2n ** 62n + 7n]) {
        clock.now = now;
        assert.equal(c.read_clock(), now);
    }
    const browser = await open(module, { manual: true });
    const first = browser.exports_.read_clock();
    assert.equal(typeof first, 'bigint');
    assert.ok(browser.exports_.read_clock() >= first);
});

test('a source keeps its grid and counts what was left out, with large times', async () => {
    const { db, clock, c } = await openManual();
    c.set_period_ms(10);
    const begin = 2n ** 53n + 1n;
    const reader = db.record('ticks').subscribe();
    clock.now = begin;
    assert.equal(db.poll(), 10_000_000n);
    clock.now = begin + 9_999_999n;
    assert.equal(db.poll(), 1n);
    clock.now = begin + 13_000_000n;
    assert.equal(db.poll(), 7_000_000n);
    clock.now = begin + 55_000_000n; // 30, 40 and 50 ms have passed
    assert.equal(db.poll(), 5_000_000n);
    assert.deepEqual(reader.drain().values, numbers(0, 1, 2));
    const { received, overruns } = db.tasks.get('tick').metrics();
    assert.deepEqual({ received, overruns }, { received: 3, overruns: 3 });
});

test('only the first of several pushes wakes, and again after a turn', async () => {
    const { db } = await openManual();
    let told = 0;
    db.onwake = () => {
        told++;
    };
    assert.equal(db.poll(), undefined); // the source has nothing to do
    for (let n = 0; n < 5; n++) {
        db.record('ring').produce({ n });
        db.record('box').produce({ n });
    }
    assert.equal(db.counts.wakes, 1);
    assert.equal(db.poll(), undefined);
    db.record('box').produce({ n: 9 });
    assert.equal(db.counts.wakes, 2);
    assert.equal(told, 2);
    assert.equal(db.poll(), undefined);
});

test('turns of consumers in the module: bursts, emissions, errors, deferred values', async () => {
    const { db, c } = await openManual();
    const turns = () => {
        let count = 1;
        while (db.poll() === 0n) {
            count++;
        }
        return count;
    };
    for (let i = 0; i < 4; i++) {
        db.record('again').produce(Array(10).fill({ n: 0 }));
    }
    assert.equal(turns(), 3); // 16 values in each
    db.record('again').produce({ n: 5 });
    assert.equal(turns(), 6); // what a consumer emits to itself comes after what it was called for
    assert.equal(db.tasks.get('count_down').metrics().received, 46);

    const begin = db.tasks.get('begin');
    db.record('begun').produce(numbers(0, 1, 2));
    db.poll();
    let { received, errors, pending } = begin.metrics();
    assert.deepEqual({ received, errors, pending }, { received: 2, errors: 1, pending: 1 });
    const { wakes } = db.counts;
    assert.equal(c.finish(), 0);
    assert.equal(db.counts.wakes, wakes + 1);
    db.poll();
    ({ received, errors, pending } = begin.metrics());
    assert.deepEqual({ received, errors, pending }, { received: 3, errors: 1, pending: 0 });
});

test('without news and deadlines nothing runs', async () => {
    const db = await open(module);
    await soon();
    assert.equal(db.counts.polls, 1); // sources have had their first step
    for (let i = 0; i < 20; i++) {
        await soon();
    }
    assert.equal(db.counts.polls, 1);
    db.record('ring').produce({ n: 1 });
    db.record('ring').produce({ n: 2 });
    await soon();
    assert.equal(db.counts.polls, 2);
    db.record('box').produce({ n: 1 });
    db.record('box').observe(() => {});
    await soon();
    assert.equal(db.counts.polls, 3); // one turn for both
    db.stop();
});

test('deadlines set timers, and a stop ends them', async () => {
    const db = await open(module);
    db.exports_.set_period_ms(5); // before the first turn
    let count = 0;
    await new Promise((resolve) => {
        db.record('ticks').consume(({ n }, missed) => {
            assert.equal(n, count);
            assert.equal(missed, 0);
            if (++count === 5) {
                db.stop();
                resolve();
            }
        });
    });
    const { polls } = db.counts;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(db.counts.polls, polls);
    assert.ok(polls <= 12, `${polls} turns for 5 deadlines`);
});

test('listeners get what was there, what comes, and what they missed', async () => {
    const db = await open(module);
    const box = db.record('box');
    const ring = db.record('ring');
    await soon();
    box.produce({ n: 1 });
    await soon();
    const got = [];
    const end = box.consume(({ n }) => got.push(n));
    await soon();
    assert.deepEqual(got.splice(0), [1]);
    ring.consume(({ n }, missed) => got.push(`${n} after ${missed}`));
    ring.produce(numbers(1, 2));
    await soon();
    assert.deepEqual(got.splice(0), ['1 after 0', '2 after 0']);
    for (let n = 1; n <= 10; n++) {
        ring.produce({ n });
    }
    await soon();
    assert.deepEqual(got.splice(0), ['7 after 6', '8 after 0', '9 after 0', '10 after 0']);
    end();
    box.produce({ n: 2 });
    await soon();
    assert.deepEqual(got, []);
    db.stop();
});

test('what a listener produces reaches listeners that were called before', async () => {
    const db = await open(module);
    const got = [];
    db.record('ring').consume(({ n }) => got.push(n));
    db.record('box').consume(({ n }) => db.record('ring').produce({ n: n + 1 }));
    db.record('box').produce({ n: 1 });
    for (let i = 0; i < 3; i++) {
        await soon();
    }
    assert.deepEqual(got, [2]);
    db.stop();
});

test('a circle through listeners leaves the event loop its time', async () => {
    const db = await open(module);
    const box = db.record('box');
    let turns = 0;
    const end = box.consume(({ n }) => {
        turns++;
        box.produce({ n: n + 1 });
    });
    box.produce({ n: 0 });
    for (let i = 0; i < 10; i++) {
        await soon(); // does not come back if the circle does not leave
    }
    assert.ok(turns > 1 && turns < 50, `${turns} turns`);
    end();
    db.stop();
});

test('a listener that throws harms nobody else', async () => {
    const db = await open(module);
    const got = [];
    const errors = [];
    globalThis.reportError = (error) => errors.push(error.message);
    db.record('box').consume(() => {
        throw new Error('mine');
    });
    db.record('box').observe((reader) => got.push(...reader.drain().values));
    db.record('box').produce({ n: 1 });
    await soon();
    assert.deepEqual(errors, ['mine']);
    assert.deepEqual(got, numbers(1));
    db.record('box').produce({ n: 2 });
    await soon();
    assert.deepEqual(errors, ['mine', 'mine']);
    assert.deepEqual(got, numbers(1, 2));
    delete globalThis.reportError;
    db.stop();
});

test('readers are the module\'s memory: there are so many, and they come back', async () => {
    const { db } = await openManual();
    const readers = Array.from({ length: 16 }, () => db.record('ring').subscribe());
    assert.throws(() => db.record('ring').subscribe(), /no more readers/);
    readers[3].unsubscribe();
    readers[3].unsubscribe();
    assert.throws(() => readers[3].tryRecv(), /unsubscribed/);
    const again = db.record('ring').subscribe();
    db.record('ring').produce({ n: 1 });
    assert.deepEqual(again.drain().values, numbers(1));
    assert.deepEqual(readers[4].drain().values, numbers(1));
});

test('memory does not grow, and cannot', async () => {
    const { db, c } = await openManual();
    const { buffer } = c.memory;
    const pages = buffer.byteLength / 65536;
    const reader = db.record('ring').subscribe();
    for (let n = 0; n < 100_000; n++) {
        db.record('ring').produce({ n });
        db.record('again').produce({ n: 1 });
        reader.drain();
        db.poll();
    }
    assert.equal(c.memory.buffer, buffer);
    assert.equal(c.memory.buffer.byteLength / 65536, pages);
    assert.throws(() => c.memory.grow(1), RangeError);
    assert.deepEqual(db.record('ring').metrics().produced, 100_000);
});

test('the hooks of the port', async () => {
    const { c } = await openManual();
    assert.equal(c.idle_for_ever(0), 0);
    assert.equal(c.idle_for_ever(3), 3);
    assert.equal(c.sections_nest(), 1);
});

test('a broken invariant is told with its place, and is the end', async () => {
    const { db } = await openManual();
    assert.throws(() => db.call_('break_an_invariant'),
        (error) => error instanceof AimdbPanic && error.message === 'some/file.c:42: the claim');
    assert.ok(db.failure instanceof AimdbPanic);
    assert.throws(() => db.record('ring').produce({ n: 1 }), db.failure);
    assert.throws(() => db.poll(), db.failure);

    for (const ends of ['trap', 'recurse']) {
        const { db: other } = await openManual();
        assert.throws(() => other.call_(ends, 100_000), AimdbPanic);
        assert.throws(() => other.record('ring').metrics(), other.failure);
    }
});

test('after a trap no timer is left', async () => {
    const db = await open(module);
    db.exports_.set_period_ms(5);
    await new Promise((resolve) => {
        db.record('ticks').consume(resolve);
    });
    await soon();
    assert.throws(() => db.call_('trap'), AimdbPanic);
    const { polls } = db.counts;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(db.counts.polls, polls);
});

test('a panic import that returns traps all the same', async () => {
    const instance = await WebAssembly.instantiate(module,
        { aimdb: { clock: () => 0n, wake() {}, panic() {} } });
    assert.throws(() => instance.exports.break_an_invariant(), WebAssembly.RuntimeError);
});

test('two databases of one module share nothing', async () => {
    const { db: one } = await openManual();
    const { db: two } = await openManual();
    one.record('box').produce({ n: 1 });
    assert.equal(two.record('box').peek(), undefined);
    assert.deepEqual(one.record('box').peek(), { n: 1 });
});

test('modules of another kind are refused', async () => {
    const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    await assert.rejects(open(empty), /not of this version/);
    await assert.rejects(open(new Uint8Array([1, 2, 3])), WebAssembly.CompileError);
});
