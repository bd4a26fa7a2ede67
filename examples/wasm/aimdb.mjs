// SPDX-License-Identifier: Apache-2.0
// AimDB in JavaScript: opens a WebAssembly module with a static database, and gives its records as
// objects. Made for browsers and for node; needs nothing else.
//
//     const db = await open('pipeline.wasm');             a URL, or the bytes
//     db.record('tank.setpoint').produce({ percent: 40 });
//     db.record('tank.level').consume((value, missed) => console.log(value.percent));
//     db.record('tank.setpoint').peek();                 the current value, or undefined
//     db.stop();
//
// A value is an object with the fields of the record's schema: numbers, booleans, and BigInts for i64
// and u64. A field that is missing, unknown or out of range is a mistake of the caller's and throws;
// so does a value that the record's producer function refuses (AimdbError).
//
// Nothing polls. A push into a record that had no news asks for a turn of the database's consumers,
// after what is running now; a source's deadline sets a timer. With neither, nothing runs.
//
//  1. A turn begins from the event loop, never inside a call of the module.
//  2. What a turn causes runs in the next one, which is a task of its own: a circle of records and
//     listeners leaves the page its time.
//  3. A listener that throws harms nobody else: the error goes where uncaught errors go.
//  4. After a trap or a broken invariant the module's memory means nothing any more: every function
//     throws `db.failure`.
const INTERFACE = 1; // of src/port/wasm/module.c
const FOREVER = 2n ** 63n - 1n;
const TIMER_MAX_MS = 2 ** 31 - 1;
const TURN_VALUES_MAX = 256; // for each consume() and turn
const EEMPTY = -1;
const ELAGGED = -2;
const BUFFERS = ['none', 'spmc_ring', 'single_latest', 'mailbox'];
const RECORD_FIGURES = ['capacity', 'produced', 'refused', 'overwritten'];
const READER_FIGURES = ['received', 'missed', 'skipped', 'lags', 'pending'];
const TASK_FIGURES = ['received', 'missed', 'skipped', 'lags', 'errors', 'pending', 'overruns'];

// In the order of aimdb_kind: name, how a DataView names it, and for integers the range.
const KINDS = [
    ['bool', 'Uint8'],
    ['i8', 'Int8', -(2 ** 7), 2 ** 7 - 1],
    ['i16', 'Int16', -(2 ** 15), 2 ** 15 - 1],
    ['i32', 'Int32', -(2 ** 31), 2 ** 31 - 1],
    ['i64', 'BigInt64', -(2n ** 63n), 2n ** 63n - 1n],
    ['u8', 'Uint8', 0, 2 ** 8 - 1],
    ['u16', 'Uint16', 0, 2 ** 16 - 1],
    ['u32', 'Uint32', 0, 2 ** 32 - 1],
    ['u64', 'BigUint64', 0n, 2n ** 64n - 1n],
    ['f32', 'Float32'],
    ['f64', 'Float64'],
].map(([name, view, min, max]) => ({ name, get: `get${view}`, set: `set${view}`, min, max }));

// What the database answered: .code such as 'AIMDB_EINVAL', .value the number.
export class AimdbError extends Error {
    constructor(code, value, text) {
        super(`${code}: ${text}`);
        this.name = 'AimdbError';
        this.code = code;
        this.value = value;
    }
}

// A broken invariant, or a trap. The module is of no use any more.
export class AimdbPanic extends Error {
    constructor(text, options) {
        super(text, options);
        this.name = 'AimdbPanic';
    }
}

// Opens a module.
//
//   source      URL (in a browser), ArrayBuffer or its views, or a WebAssembly.Module
//   clock       a function that gives nanoseconds as a BigInt and never goes backwards
//   manual      true: turns are taken by db.poll() and else not at all; db.onwake() tells that there
//               is reason to
//   imports     what else the module imports
export async function open(source, { clock = browserClock, manual = false, imports = {} } = {}) {
    const module = source instanceof WebAssembly.Module ? source
        : await WebAssembly.compile(await bytesOf(source));
    const db = new Database(clock, manual);
    const instance = await WebAssembly.instantiate(module, { ...imports, aimdb: db.hooks_ });
    db.begin_(instance.exports);
    return db;
}

async function bytesOf(source) {
    if (typeof source !== 'string' && !(source instanceof URL)) {
        return source;
    }
    const response = await fetch(source);
    if (!response.ok) {
        throw new Error(`${source}: ${response.status} ${response.statusText}`);
    }
    return response.arrayBuffer();
}

function browserClock() {
    return BigInt(Math.floor(performance.now() * 1e6));
}

class Database {
    records = new Map(); // by key
    tasks = new Map(); // consumers and sources in the module, by name
    counts = { wakes: 0, polls: 0 };
    failure = undefined;
    onwake = undefined; // with `manual`

    constructor(clock, manual) {
        this.clock = clock;
        this.manual_ = manual;
        this.stopped_ = false;
        this.polling_ = false;
        this.woken_ = false; // by a listener
        this.asked_ = false; // a turn is on its way
        this.timer_ = undefined;
        this.listeners_ = new Map(); // reader: function
        this.hooks_ = {
            clock: () => this.clock(),
            wake: () => this.wake_(),
            panic: (file, line, text) => {
                throw new AimdbPanic(`${this.text_(file)}:${line}: ${this.text_(text)}`);
            },
        };
    }

    begin_(exports) {
        this.exports_ = exports;
        if (exports.module_interface?.() !== INTERFACE) {
            throw new Error('the module is not of this version of aimdb.mjs');
        }
        // Memory does not grow, so what lies in it stays where it is.
        this.bytes_ = new Uint8Array(exports.memory.buffer);
        this.room_ = exports.module_room();
        this.roomSize_ = exports.module_room_size();
        this.view_ = new DataView(exports.memory.buffer, this.room_, this.roomSize_);
        this.figures_ = new BigUint64Array(exports.memory.buffer, exports.module_figures(), 8);
        const byAddress = new Map();
        for (let i = 0, at; (at = exports.module_record(i)) !== 0; i++) {
            const record = new Record(this, at);
            byAddress.set(at, record);
            this.records.set(record.key, record);
        }
        for (let i = 0, at; (at = exports.module_task(i)) !== 0; i++) {
            const task = new Task(this, at, byAddress.get(exports.module_task_record(at)));
            this.tasks.set(task.name, task);
        }
        if (!this.manual_) { // sources are due; who awaits open() comes first
            this.timer_ = setTimeout(() => this.turn_(), 0);
        }
    }

    // The record of a key; throws if there is none.
    record(key) {
        const record = this.records.get(key);
        if (!record) {
            throw new RangeError(`no record has the key '${key}'`);
        }
        return record;
    }

    // Runs what is ready. Gives the nanoseconds until the next call is due, as a BigInt: 0n for at
    // once, undefined for only after news.
    poll() {
        if (this.polling_) {
            throw new Error('poll() from a listener');
        }
        this.polling_ = true;
        try {
            this.counts.polls++;
            const due = this.call_('module_poll');
            this.woken_ = false; // of what it left itself it tells
            let more = false;
            for (const [reader, listener] of [...this.listeners_]) {
                more = this.tell_(reader, listener) || more;
            }
            if (more || this.woken_) {
                return 0n;
            }
            if (due === FOREVER) {
                return undefined;
            }
            const span = due - this.clock();
            return span > 0n ? span : 0n;
        } finally {
            this.polling_ = false;
        }
    }

    // Ends turns and timers. What is in the records may be read still.
    stop() {
        this.stopped_ = true;
        clearTimeout(this.timer_);
    }

    wake_() {
        this.counts.wakes++;
        this.news_();
    }

    news_() {
        if (this.polling_) {
            this.woken_ = true;
        } else if (this.manual_) {
            this.onwake?.();
        } else {
            this.ask_();
        }
    }

    // A turn right after what is running now; many pushes in one go share it.
    ask_() {
        if (!this.asked_ && !this.stopped_) {
            this.asked_ = true;
            queueMicrotask(() => this.turn_());
        }
    }

    turn_() {
        this.asked_ = false;
        clearTimeout(this.timer_);
        if (this.stopped_) {
            return;
        }
        const span = this.poll(); // what is thrown ends the turns: the module failed
        if (span !== undefined && !this.stopped_) {
            const wait = Math.min(Math.ceil(Number(span) / 1e6), TIMER_MAX_MS);
            this.timer_ = setTimeout(() => this.turn_(), wait);
        }
    }

    // True if a listener left something that it should be called for again.
    tell_(reader, listener) {
        if (!this.listeners_.has(reader) || !reader.hasNews()) {
            return false;
        }
        try {
            return listener(reader) === true;
        } catch (error) {
            report(error);
            return false;
        }
    }

    call_(name, ...parameters) {
        if (this.failure) {
            throw this.failure;
        }
        try {
            return this.exports_[name](...parameters);
        } catch (error) {
            this.failure = error instanceof AimdbPanic ? error
                : new AimdbPanic(`the module ended: ${error.message}`, { cause: error });
            this.stop();
            throw this.failure;
        }
    }

    text_(address) {
        const bytes = new Uint8Array(this.exports_.memory.buffer);
        return new TextDecoder().decode(bytes.subarray(address, bytes.indexOf(0, address)));
    }

    check_(err) {
        if (err !== 0) {
            const name = this.text_(this.call_('module_err_name', err));
            throw new AimdbError(name, err, this.text_(this.call_('module_err_text', err)));
        }
    }

    figureObject_(names) {
        return Object.fromEntries(names.map((name, i) => [name, Number(this.figures_[i])]));
    }
}

class Record {
    constructor(db, address) {
        const { exports_: exports } = db;
        this.db = db;
        this.address_ = address;
        this.key = db.text_(exports.module_record_key(address));
        this.type = db.text_(exports.module_record_type(address));
        this.buffer = BUFFERS[exports.module_record_buffer(address)];
        this.size_ = exports.module_record_size(address);
        this.fields = []; // name, unit, kind
        for (let i = 0; i < exports.module_field_count(address); i++) {
            const kind = KINDS[exports.module_field_kind(address, i)];
            this.fields.push(Object.freeze({
                name: db.text_(exports.module_field_name(address, i)),
                unit: db.text_(exports.module_field_unit(address, i)),
                kind: kind.name,
                kind_: kind,
                offset_: exports.module_field_offset(address, i),
            }));
        }
    }

    // Sends one value on its way, or an array of values with one publication.
    produce(values) {
        const list = Array.isArray(values) ? values : [values];
        this.check_(list.length);
        this.db.bytes_.fill(0, this.db.room_, this.db.room_ + list.length * this.size_);
        list.forEach((value, i) => this.write_(value, i * this.size_));
        this.db.check_(this.db.call_('module_produce', this.address_, list.length));
    }

    // The current value of a SingleLatest or a mailbox, which stays where it is; or undefined.
    peek() {
        this.check_(1);
        const err = this.db.call_('module_peek', this.address_);
        if (err === EEMPTY) {
            return undefined;
        }
        this.db.check_(err);
        return this.read_(0);
    }

    // A reader of its own. `onnews(reader)` is called after each turn while it has something to read;
    // if it returns true there is another turn at once.
    subscribe(onnews) {
        return new Reader(this, false, onnews);
    }

    // The same, and of a mailbox it takes nothing.
    observe(onnews) {
        return new Reader(this, true, onnews);
    }

    // Calls listener(value, missed) for each value from now on, in order. Gives a function that ends it.
    consume(listener) {
        const reader = this.subscribe(() => {
            const { values, missed } = reader.drain(TURN_VALUES_MAX);
            values.forEach((value, i) => {
                try {
                    listener(value, i === 0 ? missed : 0);
                } catch (error) {
                    report(error);
                }
            });
            return reader.hasNews();
        });
        return () => reader.unsubscribe();
    }

    metrics() {
        this.db.call_('module_record_metrics', this.address_);
        return this.db.figureObject_(RECORD_FIGURES);
    }

    check_(count) {
        if (this.fields.length === 0) {
            throw new TypeError(`record '${this.key}' has no schema (AIMDB_SCHEMA)`);
        }
        if (count * this.size_ > this.db.roomSize_) {
            throw new RangeError(`${count} values of '${this.key}' do not fit the room of the module`);
        }
    }

    write_(value, at) {
        const known = this.fields.length;
        if (Object.keys(value).length !== known) {
            const names = this.fields.map((field) => field.name).join(', ');
            throw new TypeError(`a value of '${this.key}' has the fields ${names}`);
        }
        for (const { name, kind_: kind, offset_: offset } of this.fields) {
            this.db.view_[kind.set](at + offset, this.number_(value[name], name, kind), true);
        }
    }

    number_(value, name, { name: kind, min, max }) {
        const wanted = kind === 'bool' ? 'boolean' : typeof (min ?? 0);
        if (typeof value !== wanted) {
            throw new TypeError(`${this.key}.${name} takes a ${wanted}, not ${value}`);
        }
        const isWhole = wanted === 'bigint' || Number.isInteger(value);
        const fits = min !== undefined ? isWhole && value >= min && value <= max
            : kind !== 'f32' || Number.isFinite(value) === Number.isFinite(Math.fround(value));
        if (!fits) {
            throw new RangeError(`${this.key}.${name} is of kind ${kind}, and cannot be ${value}`);
        }
        return value; // of a boolean a DataView makes 0 or 1
    }

    read_(at) {
        const value = {};
        for (const { name, kind_: kind, offset_: offset } of this.fields) {
            const number = this.db.view_[kind.get](at + offset, true);
            value[name] = kind.name === 'bool' ? number !== 0 : number;
        }
        return value;
    }
}

// A position in a record. Independent of all others.
class Reader {
    constructor(record, observes, onnews) {
        this.record = record;
        record.check_(1);
        this.address_ = record.db.call_('module_subscribe', record.address_, observes);
        if (this.address_ === 0) {
            throw new RangeError('the module has no more readers (AIMDB_WASM_READERS)');
        }
        if (onnews) {
            record.db.listeners_.set(this, onnews);
            if (this.hasNews()) {
                record.db.news_(); // a value that was there before
            }
        }
    }

    // { value }, or once after it fell behind { missed }, or undefined when there is nothing.
    tryRecv() {
        const err = this.call_('module_try_recv');
        const { db } = this.record;
        if (err === EEMPTY) {
            return undefined;
        }
        if (err === ELAGGED) {
            return { missed: Number(db.figures_[0]) };
        }
        db.check_(err);
        return { value: this.record.read_(0) };
    }

    // { values, missed }: up to `max` values in order, and how many were missed just before the first.
    drain(max = Infinity) {
        const { record } = this;
        const values = [];
        let missed = 0;
        while (values.length < max) { // nobody pushes meanwhile: a gap is before the first value
            const left = Math.min(max - values.length, Math.floor(record.db.roomSize_ / record.size_));
            const count = this.call_('module_drain', left);
            missed += Number(record.db.figures_[0]);
            for (let i = 0; i < count; i++) {
                values.push(record.read_(i * record.size_));
            }
            if (count < left) {
                break;
            }
        }
        return { values, missed };
    }

    hasNews() {
        return this.metrics().pending > 0;
    }

    metrics() {
        this.call_('module_reader_metrics');
        return this.record.db.figureObject_(READER_FIGURES);
    }

    unsubscribe() {
        if (this.address_ !== 0) {
            this.record.db.listeners_.delete(this);
            this.call_('module_unsubscribe');
            this.address_ = 0;
        }
    }

    call_(name, ...parameters) {
        if (this.address_ === 0) {
            throw new Error(`a reader of '${this.record.key}' is used after it was unsubscribed`);
        }
        return this.record.db.call_(name, this.address_, ...parameters);
    }
}

// A consumer or source in the module.
class Task {
    constructor(db, address, record) {
        this.db = db;
        this.address_ = address;
        this.record = record;
        this.name = db.text_(db.exports_.module_task_name(address));
        this.isSource = db.exports_.module_task_is_source(address) !== 0;
    }

    metrics() {
        this.db.call_('module_task_metrics', this.address_);
        return this.db.figureObject_(TASK_FIGURES);
    }
}

function report(error) {
    if (typeof reportError === 'function') {
        reportError(error);
    } else {
        queueMicrotask(() => {
            throw error;
        });
    }
}
