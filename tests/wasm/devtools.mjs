// SPDX-License-Identifier: Apache-2.0
// A headless Chromium, driven through the pipe of its DevTools protocol: no package is needed for that.
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

// The path of the browser; undefined if there is none.
export function findBrowser() {
    for (const folder of process.env.PATH.split(delimiter)) {
        for (const name of NAMES) {
            try {
                accessSync(join(folder, name), constants.X_OK);
                return join(folder, name);
            } catch {
                // the next one
            }
        }
    }
    return undefined;
}

export class Browser {
    constructor(path) {
        this.profile_ = mkdtempSync(join(tmpdir(), 'aimdb-browser-'));
        const flags = ['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${this.profile_}`,
            '--no-first-run', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
            '--disable-background-networking', '--disable-component-update', '--disable-sync'];
        if (process.getuid() === 0) {
            flags.push('--no-sandbox'); // it does not start as root otherwise; it loads our page only
        }
        this.said_ = '';
        this.child_ = spawn(path, [...flags, 'about:blank'],
            { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
        this.child_.stderr.on('data', (data) => {
            this.said_ = (this.said_ + data).slice(-4000);
        });
        this.ended_ = new Promise((resolve) => {
            this.child_.on('exit', resolve);
        });
        this.child_.on('exit', () => this.fail_(new Error(`the browser ended: ${this.said_}`)));
        this.child_.stdio[3].on('error', () => {}); // the exit tells
        this.waiting_ = new Map(); // id: who waits for the answer
        this.listeners_ = [];
        this.last_ = 0;
        let rest = Buffer.alloc(0);
        this.child_.stdio[4].on('data', (data) => {
            rest = Buffer.concat([rest, data]);
            for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1)) {
                this.hear_(JSON.parse(rest.subarray(0, end).toString()));
            }
        });
    }

    hear_({ id, result, error, method, params, sessionId }) {
        const waiting = this.waiting_.get(id);
        this.waiting_.delete(id);
        if (waiting && error) {
            waiting.reject(new Error(`${waiting.method}: ${error.message}`));
        } else if (waiting) {
            waiting.resolve(result);
        } else if (method) {
            this.listeners_.forEach((listener) => listener(method, params, sessionId));
        }
    }

    fail_(error) {
        this.waiting_.forEach(({ reject }) => reject(error));
        this.waiting_.clear();
    }

    call(method, params = {}, sessionId = undefined) {
        return new Promise((resolve, reject) => {
            const id = ++this.last_;
            this.waiting_.set(id, { method, resolve, reject });
            this.child_.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
        });
    }

    async newPage() {
        const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
        const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
        const page = new Page(this, sessionId);
        for (const domain of ['Runtime', 'Log', 'Page', 'Network']) {
            await page.call(`${domain}.enable`);
        }
        return page;
    }

    async close() {
        this.call('Browser.close').catch(() => {});
        const timer = setTimeout(() => this.child_.kill('SIGKILL'), 5000);
        await this.ended_;
        clearTimeout(timer);
        rmSync(this.profile_, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
}

class Page {
    complaints = []; // errors and warnings of the console, uncaught errors, failed requests

    constructor(browser, sessionId) {
        this.browser_ = browser;
        this.sessionId_ = sessionId;
        browser.listeners_.push((method, params, from) => {
            if (from === sessionId) {
                this.hear_(method, params);
            }
        });
    }

    hear_(method, params) {
        if (method === 'Runtime.exceptionThrown') {
            const { text, exception } = params.exceptionDetails;
            this.complaints.push(exception?.description ?? text);
        } else if (method === 'Runtime.consoleAPICalled' && /error|warning|assert/.test(params.type)) {
            this.complaints.push(params.args.map((arg) => arg.value ?? arg.description).join(' '));
        } else if (method === 'Log.entryAdded' && /error|warning/.test(params.entry.level)) {
            this.complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`);
        } else if (method === 'Network.loadingFailed') {
            this.complaints.push(`a request failed: ${params.errorText}`);
        }
    }

    call(method, params) {
        return this.browser_.call(method, params, this.sessionId_);
    }

    async evaluate(expression) {
        const { result, exceptionDetails: details } = await this.call('Runtime.evaluate',
            { expression, awaitPromise: true, returnByValue: true });
        if (details) {
            throw new Error(`${expression}: ${details.exception?.description ?? details.text}`);
        }
        return result.value;
    }

    // Waits until an expression is true.
    async until(expression, seconds = 20) {
        for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
            if (await this.evaluate(expression)) {
                return;
            }
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
        throw new Error(`not within ${seconds} s: ${expression}`);
    }

    // A key as of a keyboard; `code` is Windows' virtual one, which the protocol wants.
    async press(key, code, text = undefined) {
        const event = { key, code: key, windowsVirtualKeyCode: code, text };
        await this.call('Input.dispatchKeyEvent', { ...event, type: text ? 'keyDown' : 'rawKeyDown' });
        await this.call('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
    }

    async screenshot() {
        const { data } = await this.call('Page.captureScreenshot',
            { format: 'png', captureBeyondViewport: true });
        return Buffer.from(data, 'base64');
    }
}
