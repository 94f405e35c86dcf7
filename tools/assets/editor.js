// The editor for policies: CodeMirror 6 with YAML. Bundled by tools/build_assets into one file.

import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { forceLinting, linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { yaml } from "@codemirror/lang-yaml";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.comment, tags.lineComment], color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--info)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--soft)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "var(--card)", color: "var(--ink)" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-scroller": { fontFamily: "var(--mono)", minHeight: "420px", maxHeight: "68vh" },
  ".cm-gutters": { backgroundColor: "var(--grey-pale)", color: "var(--soft)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent-pale) 45%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--accent-pale)", color: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line-strong)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-ink)" },
  ".cm-completionInfo": { maxWidth: "380px", padding: "6px 10px" },
  // The editor's own marks are data: images, which the Content-Security-Policy refuses.
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", backgroundColor: "color-mix(in srgb, var(--bad-pale) 60%, transparent)" },
  ".cm-lintRange-warning": { backgroundImage: "none" },
  ".cm-lint-marker-error, .cm-lint-marker-warning, .cm-lint-marker-info": { content: "normal" },
  ".cm-lint-marker::before": { content: "'!'", display: "block", width: "14px", height: "14px", lineHeight: "14px", textAlign: "center", borderRadius: "7px", fontWeight: "700", fontSize: "11px", color: "var(--card)", backgroundColor: "var(--warn)" },
  ".cm-lint-marker-error::before": { backgroundColor: "var(--bad)" },
  ".cm-diagnostic": { padding: "5px 10px" },
});

// Made in a shadow root: there the editor's rules are constructed style sheets, which a strict
// Content-Security-Policy allows; in the page itself they would be an inline style element.
export function create(host, { text, label, readOnly, complete, lint, changed }) {
  const root = host.attachShadow({ mode: "open" });
  const extensions = [
    lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), drawSelection(), history(),
    bracketMatching(), indentUnit.of("  "), yaml(), syntaxHighlighting(colours), look,
    EditorView.contentAttributes.of({ "aria-label": label }),
    EditorState.readOnly.of(Boolean(readOnly)),
    // Escape and then Tab leaves the editor by keyboard.
    keymap.of([...completionKeymap, ...lintKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
    EditorView.updateListener.of((update) => { if (update.docChanged && changed) { changed(update.state.doc.toString()); } }),
  ];
  if (complete) {
    extensions.push(autocompletion({ override: [complete] }));
  }
  if (lint) {
    extensions.push(lintGutter(), linter((view) => lint(view.state.doc), { delay: 400 }));
  }
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }), root, parent: root });
  return {
    view,
    text: () => view.state.doc.toString(),
    replace: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    check: () => forceLinting(view),
    goTo: (line) => {
      const place = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      view.dispatch({ selection: { anchor: place.from }, effects: EditorView.scrollIntoView(place.from, { y: "center" }) });
      view.focus();
    },
  };
}
