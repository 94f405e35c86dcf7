// The page of a policy: two editors that complete from the schema and check as somebody types, and
// what is tried with their texts before they decide. Answers are put in as text, never as HTML.
(function () {
  'use strict';

  var place = document.getElementById('policy');
  var name = place.dataset.name;
  var mayEdit = place.dataset.mayEdit === '1';
  var editors = {};
  var lastProblems = { text: [], cases: [] };

  function by(id) {
    return document.getElementById(id);
  }

  function element(tag, text, className) {
    var made = document.createElement(tag);
    if (text !== undefined && text !== null) {
      made.textContent = String(text);
    }
    if (className) {
      made.className = className;
    }
    return made;
  }

  // ---- Completion from the JSON Schema: where the cursor is, by the indentation of the lines.

  function resolved(schema, root) {
    var steps = 0;
    while (schema && schema.$ref && steps < 20) {
      schema = schema.$ref.split('/').slice(1).reduce(function (node, key) {
        return node && node[key];
      }, root);
      steps += 1;
    }
    return schema || {};
  }

  function alternatives(schema, root) {
    schema = resolved(schema, root);
    var found = [schema];
    ['oneOf', 'anyOf', 'allOf'].forEach(function (word) {
      (schema[word] || []).forEach(function (one) {
        found = found.concat(alternatives(one, root));
      });
    });
    return found;
  }

  function inside(schema, step, root) {
    var found = [];
    alternatives(schema, root).forEach(function (one) {
      if (step === '-') {
        if (one.items) {
          found.push(one.items);
        }
      } else if (one.properties && one.properties[step]) {
        found.push(one.properties[step]);
      } else if (one.additionalProperties && typeof one.additionalProperties === 'object') {
        found.push(one.additionalProperties);
      } else {
        Object.keys(one.patternProperties || {}).forEach(function (pattern) {
          if (new RegExp(pattern, 'u').test(step)) {
            found.push(one.patternProperties[pattern]);
          }
        });
      }
    });
    return { anyOf: found };
  }

  function pathTo(doc, number, indent) {
    var path = [];
    var level = indent;
    for (var line = number; line >= 1; line -= 1) {
      var text = doc.line(line).text;
      var found = /^(\s*)((?:- +)*)([^\s#:][^:]*)?(:)?/.exec(text);
      if (!text.trim() || text.trim()[0] === '#') {
        continue;
      }
      var dashes = (found[2].match(/-/g) || []).length;
      var keyIndent = found[1].length + found[2].length;
      if (found[3] && found[4] && keyIndent < level) {
        path.unshift(found[3].trim().replace(/^"|"$/g, ''));
        level = keyIndent;
      }
      if (dashes && found[1].length < level) {
        path.unshift('-');
        level = found[1].length;
      }
    }
    return path;
  }

  function completer(schema) {
    return function (context) {
      var line = context.state.doc.lineAt(context.pos);
      var before = line.text.slice(0, context.pos - line.from);
      var typed = /[A-Za-z0-9_-]*$/.exec(before)[0];
      if (!typed && !context.explicit) {
        return null;
      }
      var value = /^(\s*(?:- +)*)([^\s#:][^:]*):\s+.*$/.exec(before);
      var inFlow = /[\[,]\s*[A-Za-z0-9_-]*$/.test(before);
      var options = [];
      var indent = /^\s*(?:- +)*/.exec(before)[0].length;
      var path = pathTo(context.state.doc, line.number - 1, value ? value[1].length : indent);
      var dash = /^(\s*)- /.exec(before);
      if (dash) {
        path = pathTo(context.state.doc, line.number - 1, dash[1].length + 1);
        if (path[path.length - 1] !== '-') {
          path.push('-');
        }
      }
      var node = path.reduce(function (one, step) {
        return inside(one, step, schema);
      }, schema);
      if (value) {
        node = inside(node, value[2].trim(), schema);
        if (inFlow) {
          node = inside(node, '-', schema);
        }
      }
      alternatives(node, schema).forEach(function (one) {
        (one.enum || []).concat(one.const !== undefined ? [one.const] : []).forEach(function (word) {
          options.push({ label: String(word), type: 'enum', info: one.description });
        });
        if (!value) {
          Object.keys(one.properties || {}).forEach(function (key) {
            var about = resolved(one.properties[key], schema).description || one.properties[key].description;
            options.push({ label: key, type: 'property', apply: key + ': ', info: about });
          });
        }
      });
      var seen = {};
      options = options.filter(function (one) {
        var isNew = !seen[one.label];
        seen[one.label] = true;
        return isNew;
      });
      return options.length ? { from: context.pos - typed.length, options: options, validFor: /^[A-Za-z0-9_-]*$/ } : null;
    };
  }

  // ---- Checking as somebody types

  var checking = null;
  var checkedTexts = '';

  function draft() {
    var body = { name: name, text: editors.text.text() };
    var cases = editors.cases.text();
    if (cases.trim()) {
      body.cases = cases;
    }
    return body;
  }

  function check() {
    var body = draft();
    var texts = JSON.stringify(body);
    if (checking && texts === checkedTexts) {
      return checking;
    }
    checkedTexts = texts;
    verdict('checking', '');
    checking = window.gatehouse.ask('POST', '/gatehouse/policies/validate', body).then(function (found) {
      var errors = found.problems.filter(function (one) { return one.severity === 'error'; });
      lastProblems = { text: [], cases: [] };
      found.problems.forEach(function (one) {
        lastProblems[/\.test\.yaml$/.test(one.file) ? 'cases' : 'text'].push(one);
      });
      verdict(errors.length ? errors.length + (errors.length === 1 ? ' error' : ' errors')
        : found.problems.length ? 'valid, with a warning' : 'valid', errors.length ? 'failed' : 'ok');
      listProblems(found.problems);
      return found;
    }).catch(function (error) {
      checking = null;
      lastProblems = { text: [], cases: [] };
      verdict(error.message, 'held');
      return null;
    });
    return checking;
  }

  function verdict(text, state) {
    by('verdict').textContent = text;
    by('verdict').className = 'badge' + (state ? ' state-' + state : '');
  }

  function listProblems(problems) {
    var list = by('problems');
    list.replaceChildren();
    problems.forEach(function (one) {
      var isCases = /\.test\.yaml$/.test(one.file);
      var line = element('p', null, 'problem ' + one.severity);
      var link = element('button', (isCases ? 'tests, line ' : 'line ') + one.line, 'quiet');
      link.type = 'button';
      link.addEventListener('click', function () {
        chooseTab(isCases ? 'cases' : 'text');
        editors[isCases ? 'cases' : 'text'].goTo(one.line);
      });
      line.append(link, element('span', one.message));
      if (one.hint) {
        line.append(element('span', one.hint, 'hint'));
      }
      list.append(line);
    });
    if (!problems.length) {
      list.append(element('p', 'Nothing is wrong with it.', 'soft'));
    }
  }

  function linter(which) {
    return function (doc) {
      if (!mayEdit) {
        return [];
      }
      return check().then(function () {
        return lastProblems[which].map(function (one) {
          var line = doc.line(Math.min(Math.max(1, one.line), doc.lines));
          return {
            from: line.from + /^\s*/.exec(line.text)[0].length,
            to: line.to,
            severity: one.severity,
            message: one.message + (one.hint ? '\n' + one.hint : '')
          };
        });
      });
    };
  }

  // ---- What is tried

  function outcome(title) {
    var card = by('outcome');
    card.replaceChildren(element('h2', title));
    card.hidden = false;
    window.setTimeout(function () { card.scrollIntoView({ block: 'nearest' }); }, 0);
    return card;
  }

  function failed(error) {
    outcome('It was refused').append(element('p', error.message));
  }

  function table(card, heads, rows) {
    var made = element('table', null, 'small');
    var head = element('tr');
    heads.forEach(function (one) {
      var cell = element('th', one);
      cell.scope = 'col';
      head.append(cell);
    });
    made.append(element('thead'));
    made.tHead.append(head);
    var body = element('tbody');
    rows.forEach(function (row) {
      var line = element('tr');
      row.forEach(function (one) {
        line.append(element('td', one));
      });
      body.append(line);
    });
    made.append(body);
    var box = element('div', null, 'scroll');
    box.tabIndex = 0;
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', heads.join(', '));
    box.append(made);
    card.append(box);
  }

  function showTests(found) {
    var card = outcome(found.failed || found.problems.length ? 'Its tests fail' : 'Its tests pass');
    card.append(element('p', found.passed + ' passed, ' + found.failed + ' failed' +
      (found.coverage ? '; ' + found.coverage.tried + ' of ' + found.coverage.total + ' conditions and exceptions tried' : '')));
    found.problems.forEach(function (one) {
      card.append(element('p', 'line ' + one.line + ': ' + one.message, 'problem ' + one.severity));
    });
    found.cases.forEach(function (one) {
      var line = element('p', null, one.passed ? 'case' : 'problem error case');
      line.append(element('strong', one.passed ? '✓ ' : '✗ '), element('span', one.name));
      one.failures.forEach(function (failure) {
        line.append(element('span', 'line ' + failure.line + ': ' + failure.message, 'hint'));
      });
      card.append(line);
    });
  }

  function showDiff(found, title) {
    var card = outcome(title);
    found.warnings.forEach(function (one) {
      card.append(element('p', one, 'problem warning'));
    });
    if (!found.sections.length && !found.attributes.length) {
      card.append(element('p', 'They mean the same.', 'soft'));
      return;
    }
    if (found.sections.length) {
      table(card, ['Part', 'Before', 'After'], found.sections.map(function (one) {
        return [one.part, one.before, one.after];
      }));
    }
    if (found.attributes.length) {
      card.append(element('h3', found.attributes.length + ' attributes are treated otherwise'));
      table(card, ['Attribute', 'Before', 'After'], found.attributes.map(function (one) {
        return [one.attribute, one.before, one.after];
      }));
    }
  }

  function on(id, event, work) {
    var found = by(id);
    if (found) {
      found.addEventListener(event, function (happened) {
        happened.preventDefault();
        var button = found.tagName === 'FORM' ? found.querySelector('button') : found;
        button.disabled = true;
        window.gatehouse.say('');
        Promise.resolve(work(found)).catch(failed).finally(function () {
          button.disabled = false;
        });
      });
    }
  }

  on('run-tests', 'click', function () {
    return window.gatehouse.ask('POST', '/gatehouse/policies/test', draft()).then(showTests);
  });
  on('run-diff', 'click', function () {
    return window.gatehouse.ask('POST', '/gatehouse/policies/' + name + '/diff', { text: draft().text })
      .then(function (found) { showDiff(found, 'This text against the active version'); });
  });
  on('run-otherwise', 'click', function () {
    return window.gatehouse.ask('POST', '/gatehouse/policies/' + name + '/otherwise', { text: draft().text, last: 20 })
      .then(function (found) {
        var card = outcome('Studies that would be decided otherwise');
        card.append(element('p', found.asked + ' asked' + (found.left_out ? ', ' + found.left_out + ' left out for time' : '') +
          (found.unreadable.length ? ', ' + found.unreadable.length + ' could not be read' : '')));
        if (found.otherwise.length) {
          table(card, ['Study', 'Now', 'By this text'], found.otherwise.map(function (one) {
            return [one.study, one.before, one.after];
          }));
        } else {
          card.append(element('p', 'None.', 'soft'));
        }
      });
  });
  on('run-shadow', 'click', function () {
    return window.gatehouse.ask('POST', '/gatehouse/policies/' + name + '/shadow', { text: draft().text })
      .then(function () { window.location.reload(); });
  });
  on('try-preview', 'submit', function (form) {
    return window.gatehousePreview(
      { study: form.elements.study.value.trim(), policy: name, text: draft().text }, by('preview-here'));
  });
  on('activate', 'submit', function (form) {
    var body = draft();
    delete body.name;
    var why = form.elements.because.value;
    if (why) {
      body.because = why;
    }
    by('activate-error').textContent = '';
    return fetch('/gatehouse/policies/' + name + '/activate', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', 'X-Gatehouse': '1' },
      body: JSON.stringify(body)
    }).then(function (answer) {
      return answer.json().then(function (found) {
        if (answer.ok) {
          var said = found.state === 'proposed' ? 'It is proposed; another person must approve it.'
            : found.state === 'unchanged' ? 'This is the active text already.'
              : 'Version ' + found.version + ' of ' + name + ' decides from now on.';
          window.sessionStorage.setItem('gatehouse-message', said);
          window.location.assign(found.state === 'proposed' ? place.dataset.prefix + '/policies' : place.dataset.prefix + '/policies/' + name);
          return;
        }
        by('activate-error').textContent = found.error;
        var about = found.about || {};
        if (about.cases) {
          showTests(about);
        } else if (about.problems) {
          listProblems(about.problems);
        }
      });
    });
  });

  Array.prototype.forEach.call(document.querySelectorAll('.show-version'), function (button) {
    button.addEventListener('click', function () {
      window.gatehouse.get('/gatehouse/policies/' + name + '/versions/' + button.dataset.version).then(function (found) {
        chooseTab('text');
        editors.text.replace(found.text);
        window.gatehouse.say('The editor shows version ' + found.version + '. To let it decide again, roll back to it.');
        by('policy').scrollIntoView();
      }).catch(failed);
    });
  });
  Array.prototype.forEach.call(document.querySelectorAll('.diff-version'), function (button) {
    button.addEventListener('click', function () {
      window.gatehouse.get('/gatehouse/policies/' + name + '/diff?to=' + button.dataset.version).then(function (found) {
        showDiff(found, 'The active version against version ' + button.dataset.version);
        by('outcome').scrollIntoView();
      }).catch(failed);
    });
  });

  // ---- Tabs, by mouse and by keyboard

  function chooseTab(which) {
    ['text', 'cases'].forEach(function (one) {
      var isChosen = one === which;
      by('tab-' + one).setAttribute('aria-selected', String(isChosen));
      by('tab-' + one).tabIndex = isChosen ? 0 : -1;
      by('panel-' + one).hidden = !isChosen;
    });
    editors[which].view.requestMeasure();
  }

  ['text', 'cases'].forEach(function (one) {
    by('tab-' + one).addEventListener('click', function () { chooseTab(one); });
    by('tab-' + one).addEventListener('keydown', function (event) {
      if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
        var other = one === 'text' ? 'cases' : 'text';
        chooseTab(other);
        by('tab-' + other).focus();
      }
    });
  });

  function start(schemas) {
    ['text', 'cases'].forEach(function (one, index) {
      editors[one] = window.policyEditor.create(by('editor-' + one), {
        text: by('source-' + one).value,
        label: one === 'text' ? 'Text of the policy' : 'Text of its tests',
        readOnly: !mayEdit,
        complete: schemas[index] ? completer(schemas[index]) : null,
        lint: mayEdit ? linter(one) : null
      });
    });
    window.gatehouseEditors = editors;
    place.dataset.ready = '1';
    if (mayEdit) {
      check();
    } else {
      verdict('read only', '');
    }
  }

  Promise.all(['policy', 'test'].map(function (one) {
    return window.gatehouse.get('/gatehouse/schemas/' + one).catch(function () { return null; });
  })).then(start);
})();
