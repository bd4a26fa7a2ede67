// SPDX-License-Identifier: Apache-2.0
// The page: its slider is a producer, its chart a reader of the ring.
import { AimdbError, open } from './aimdb.mjs';
import { Chart } from './chart.mjs';

const element = (id) => document.getElementById(id);
const percent = (value) => `${value.toFixed(1)} %`;

export const db = await open(new URL('pipeline.wasm', import.meta.url));
export const chart = new Chart(element('chart'));

const setpoint = db.record('tank.setpoint');
const level = db.record('tank.level');
const command = db.record('tank.command');
const FOLLOWS = 'The level follows the set point, with a time constant of one second.';
let paused = false;

export const reader = level.subscribe(() => {
    if (!paused) {
        const { values, missed } = reader.drain();
        chart.add(values, missed);
        element('level').textContent = percent(values.at(-1).percent);
    }
    showCounters();
});

db.record('tank.alarm').consume(({ is_high: isHigh }) => {
    element('high').hidden = !isHigh;
});

// Sends what a producer function may refuse, and says so.
function send(record, value, done) {
    try {
        record.produce(value);
        element('message').textContent = done;
    } catch (error) {
        if (!(error instanceof AimdbError)) {
            throw error;
        }
        element('message').textContent = `${record.key} refuses it. ${error.message}.`;
    }
    showCounters();
}

function showCounters() {
    const counters = reader.metrics();
    const { produced, refused } = setpoint.metrics();
    const shown = {
        'produced': level.metrics().produced,
        'received': counters.received,
        'missed': counters.missed,
        'pending': counters.pending,
        'setpoints': produced + refused,
        'setpoints-refused': refused,
        'commands': command.metrics().produced,
        'overruns': db.tasks.get('measure').metrics().overruns,
    };
    for (const [id, count] of Object.entries(shown)) {
        element(id).textContent = count;
    }
}

function slide() {
    const value = element('setpoint').valueAsNumber;
    element('setpoint-shown').textContent = `${value} %`;
    send(setpoint, { percent: value }, FOLLOWS);
}

element('setpoint').addEventListener('input', slide);
element('empty').addEventListener('click', () => {
    send(command, { empty: true, pour: 0 }, 'The tank is empty.');
});
element('pour').addEventListener('click', () => {
    send(command, { empty: false, pour: 15 }, 'Poured.');
});
element('refused').addEventListener('click', () => send(setpoint, { percent: 120 }, FOLLOWS));
element('pause').addEventListener('click', () => {
    paused = !paused;
    element('pause').setAttribute('aria-pressed', paused);
    element('message').textContent = paused ? 'The chart does not read. The ring goes on.' : FOLLOWS;
});
slide();
