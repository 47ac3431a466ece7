# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window (Qt WebEngine), driven by a list of steps: python browse.py URL STEPS.json OUT.json

A step is [JavaScript, what must become true afterwards, file for a screenshot or null]; what each evaluates to is
written to OUT. A busy machine gets its time. ``deep(selector)`` finds elements through shadow roots, which Panel's
widgets live in.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")

POLL_MS, SETTLE_MS, LIMIT_MS = 300, 700, 300_000  # between looks; until what is true is painted; for all steps

DEEP = """
window.deep = (selector, root = document) => {
  const found = [...root.querySelectorAll(selector)];
  for (const node of root.querySelectorAll('*')) if (node.shadowRoot) found.push(...deep(selector, node.shadowRoot));
  return found;
};
"""


def main(url: str, steps_file: str, out_file: str) -> None:
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    view = QWebEngineView()
    view.resize(1180, 1500)
    view.show()
    steps = json.loads(Path(steps_file).read_text())
    answers: list[object] = []

    def ran(answer: object) -> None:
        answers.append(answer)
        look()

    def look() -> None:
        view.page().runJavaScript(f"{DEEP} Boolean({steps[len(answers) - 1][1]})", looked)

    def looked(true: object) -> None:
        shot = steps[len(answers) - 1][2]
        QTimer.singleShot(SETTLE_MS if true else POLL_MS, (lambda: after(shot)) if true else look)

    def after(shot: str | None) -> None:
        if shot:
            view.grab().save(shot)
        if len(answers) == len(steps):
            Path(out_file).write_text(json.dumps(answers))
            app.quit()
        else:
            view.page().runJavaScript(DEEP + steps[len(answers)][0], ran)

    def loaded(fine: bool) -> None:
        if fine:
            view.page().runJavaScript(DEEP + steps[0][0], ran)
        else:
            app.exit(3)

    view.loadFinished.connect(loaded)
    view.load(QUrl(url))
    QTimer.singleShot(LIMIT_MS, lambda: app.exit(4))
    sys.exit(app.exec())


if __name__ == "__main__":
    main(*sys.argv[1:4])
