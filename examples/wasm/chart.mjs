// SPDX-License-Identifier: Apache-2.0
// A chart of the last seconds on a canvas: two lines over percent, and where values were missed.
// Colours come from the style sheet. It draws when it was given something, at most once a frame.
const SECONDS = 20;
const LEFT = 48; // room for labels, CSS pixels
const BOTTOM = 24;
const TOP = 8;
const RIGHT = 8;

export class Chart {
    points = []; // { at, setpoint, percent, missed }: how many were missed just before it

    constructor(canvas) {
        this.canvas_ = canvas;
        this.asked_ = false;
        new ResizeObserver(() => this.redraw()).observe(canvas);
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    }

    add(values, missed) {
        values.forEach((value, i) => this.points.push({ ...value, missed: i === 0 ? missed : 0 }));
        const first = this.points.findIndex(({ at }) => at >= this.points.at(-1).at - SECONDS);
        this.points.splice(0, Math.max(first - 1, 0)); // one more: the line comes from outside
        this.redraw();
    }

    redraw() {
        if (!this.asked_) {
            this.asked_ = true;
            requestAnimationFrame(() => {
                this.asked_ = false;
                this.draw_();
            });
        }
    }

    draw_() {
        const { clientWidth: width, clientHeight: height } = this.canvas_;
        const scale = devicePixelRatio;
        this.canvas_.width = Math.round(width * scale);
        this.canvas_.height = Math.round(height * scale);
        const context = this.canvas_.getContext('2d');
        context.scale(scale, scale);
        const style = getComputedStyle(this.canvas_);
        const colour = (name) => style.getPropertyValue(`--${name}`);
        const end = this.points.at(-1)?.at ?? 0;
        const x = (at) => width - RIGHT - ((end - at) / SECONDS) * (width - LEFT - RIGHT);
        const y = (percent) => TOP + (1 - percent / 100) * (height - TOP - BOTTOM);
        context.font = `12px ${style.fontFamily}`;
        this.axes_(context, { x, y, end, width, height, colour });
        context.save();
        context.beginPath();
        context.rect(LEFT, 0, width - LEFT, height - BOTTOM + 2);
        context.clip();
        this.gaps_(context, x, y(100), y(0) - y(100), colour('missed'));
        context.lineJoin = 'round';
        context.lineWidth = 2;
        context.setLineDash([6, 4]);
        this.line_(context, (point) => [x(point.at), y(point.setpoint)], colour('setpoint'));
        context.setLineDash([]);
        context.lineWidth = 2.5;
        this.line_(context, (point) => [x(point.at), y(point.percent)], colour('level'));
        context.restore();
    }

    axes_(context, { x, y, end, width, height, colour }) {
        context.strokeStyle = colour('grid');
        context.fillStyle = colour('quiet');
        context.lineWidth = 1;
        context.textBaseline = 'middle';
        context.textAlign = 'right';
        for (let percent = 0; percent <= 100; percent += 25) {
            context.beginPath();
            context.moveTo(LEFT, Math.round(y(percent)) + 0.5);
            context.lineTo(width - RIGHT, Math.round(y(percent)) + 0.5);
            context.stroke();
            context.fillText(`${percent} %`, LEFT - 6, y(percent));
        }
        const step = width < 420 ? 10 : 5;
        for (let ago = 0; ago <= SECONDS; ago += step) {
            context.textAlign = ago === 0 ? 'right' : ago === SECONDS ? 'left' : 'center';
            context.fillText(ago === 0 ? 'now' : `−${ago} s`, x(end - ago), height - BOTTOM / 2 + 2);
        }
    }

    gaps_(context, x, top, height, colour) {
        context.fillStyle = colour;
        this.points.forEach((point, i) => {
            const before = this.points[i - 1];
            if (point.missed > 0 && before) {
                context.globalAlpha = 0.2;
                context.fillRect(x(before.at), top, x(point.at) - x(before.at), height);
                context.globalAlpha = 1;
                context.textAlign = 'center';
                context.fillText(point.missed, (x(before.at) + x(point.at)) / 2, top + 10);
            }
        });
    }

    line_(context, place, colour) {
        context.strokeStyle = colour;
        context.beginPath();
        this.points.forEach((point, i) => {
            const [x, y] = place(point);
            if (i === 0 || point.missed > 0) {
                context.moveTo(x, y);
            } else {
                context.lineTo(x, y);
            }
        });
        context.stroke();
    }
}
