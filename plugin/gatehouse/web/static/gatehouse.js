// What pages do in the browser. What changes something is sent to the REST routes as JSON with the
// header X-Gatehouse, which no page of others can send; answers are put in as text, never as HTML.
(function () {
  'use strict';

  var message = document.getElementById('message');

  function say(text, isBad) {
    message.textContent = text;
    message.className = text ? (isBad ? 'bad' : 'good') : '';
  }

  function ask(method, path, body) {
    var about = { method: method, credentials: 'same-origin', headers: { 'X-Gatehouse': '1' } };
    if (body !== undefined) {
      about.headers['Content-Type'] = 'application/json';
      about.body = JSON.stringify(body);
    }
    return fetch(path, about).then(function (answer) {
      return answer.text().then(function (text) {
        var found = null;
        try {
          found = JSON.parse(text);
        } catch (error) {
          found = { error: answer.statusText };
        }
        if (!answer.ok) {
          throw new Error((found && found.error) || 'the service does not answer');
        }
        return found;
      });
    });
  }

  // A form's fields as JSON. data-kind: "number", "list" (ticked boxes), "numbers", "flag".
  function fields(form) {
    var body = {};
    Array.prototype.forEach.call(form.elements, function (field) {
      if (!field.name || field.matches(':disabled')) {
        return;
      }
      var kind = field.dataset.kind;
      if (kind === 'list' || kind === 'numbers') {
        body[field.name] = body[field.name] || [];
        if (field.type !== 'checkbox' || field.checked) {
          field.value.split(',').filter(Boolean).forEach(function (one) {
            body[field.name].push(kind === 'numbers' ? Number(one) : one);
          });
        }
      } else if (kind === 'flag') {
        body[field.name] = field.checked;
      } else if (kind === 'number') {
        if (field.value !== '') {
          body[field.name] = Number(field.value);
        }
      } else if (field.value !== '') {
        body[field.name] = field.value;
      }
    });
    return body;
  }

  function act(element, body) {
    var words = element.dataset.action.split(' ');
    var buttons = element.tagName === 'FORM' ? element.querySelectorAll('button') : [element];
    Array.prototype.forEach.call(buttons, function (one) { one.disabled = true; });
    return ask(words[0], words[1], body).then(function (answer) {
      var left = Number(answer.left) || 0;
      keep((element.dataset.done || 'Done.') + (left ? ' ' + left + ' are left: ask for them once more.' : ''));
      var dialog = element.closest('dialog');
      if (dialog) {
        dialog.close();
      }
      if (element.dataset.then === 'reload') {
        window.location.reload();
      } else if (element.dataset.then) {
        window.location.assign(element.dataset.then.replace('{id}', String(Number(answer.id))));
      } else {
        told();
      }
      return answer;
    }).catch(function (error) {
      say(error.message, true);
      var place = element.querySelector('[data-error]');
      if (place) {
        place.textContent = error.message;
      }
    }).finally(function () {
      Array.prototype.forEach.call(buttons, function (one) { one.disabled = false; });
    });
  }

  // A message that is to be read after the page was loaded again.
  function keep(text) {
    try {
      window.sessionStorage.setItem('gatehouse-message', text);
    } catch (error) {
      say(text);
    }
  }

  function told() {
    try {
      var text = window.sessionStorage.getItem('gatehouse-message');
      window.sessionStorage.removeItem('gatehouse-message');
      if (text) {
        say(text);
      }
    } catch (error) {
      return;
    }
  }

  document.addEventListener('click', function (event) {
    var element = event.target.closest('[data-action], [data-opens], [data-closes], #theme, [data-print], [data-path], [data-checks]');
    if (!element || element.tagName === 'FORM') {
      return;
    }
    if (element.id === 'theme') {
      switchTheme();
    } else if (element.dataset.path) {
      element.disabled = true;
      say('Asking…');
      ask('POST', element.dataset.path, {}).then(function (found) {
        say(found.name + ': ' + found.detail + ' (' + found.seconds.toFixed(2) + ' s)', !found.is_ok);
      }).catch(function (error) {
        say(error.message, true);
      }).finally(function () {
        element.disabled = false;
      });
    } else if (element.dataset.checks) {
      check(element);
    } else if (element.dataset.print !== undefined) {
      window.print();
    } else if (element.dataset.opens) {
      open(element);
    } else if (element.dataset.closes !== undefined) {
      element.closest('dialog').close();
    } else {
      act(element, element.dataset.body ? JSON.parse(element.dataset.body) : {});
    }
  });

  // The whole audit trail, which takes a while when it is long.
  function check(element) {
    var place = document.getElementById('verdict');
    element.disabled = true;
    place.className = '';
    place.textContent = 'Checking…';
    get(element.dataset.checks).then(function (found) {
      place.className = found.is_intact ? 'problem good' : 'problem error';
      place.textContent = found.is_intact
        ? 'The trail is whole: ' + found.rows + ' rows, each with the digest of the one before.'
        : 'The trail is broken: row ' + found.broken_at + ' is not what was written, or rows are missing.';
    }).catch(function (error) {
      place.className = 'problem error';
      place.textContent = error.message;
    }).finally(function () {
      element.disabled = false;
    });
  }

  // Opens a dialog; data-fill holds values for its fields by name, and data-to its address.
  function open(element) {
    var dialog = document.getElementById(element.dataset.opens);
    var form = dialog.querySelector('form');
    var fill = element.dataset.fill ? JSON.parse(element.dataset.fill) : {};
    Object.keys(fill).forEach(function (name) {
      if (form.elements[name]) {
        form.elements[name].value = fill[name];
      }
      Array.prototype.forEach.call(dialog.querySelectorAll('[data-text="' + name + '"]'), function (place) {
        place.textContent = fill[name];
      });
    });
    if (element.dataset.to) {
      form.dataset.action = element.dataset.to;
    }
    var place = form.querySelector('[data-error]');
    if (place) {
      place.textContent = '';
    }
    Array.prototype.forEach.call(form.querySelectorAll('input[type="checkbox"]'), function (box) {
      box.checked = box.defaultChecked;
    });
    Array.prototype.forEach.call(form.querySelectorAll('[data-shows]'), showFor);
    dialog.showModal();
  }

  // Parts of a form that belong to one choice of a list; the others are not sent.
  function showFor(list) {
    Array.prototype.forEach.call(list.form.querySelectorAll('[data-shown-for]'), function (part) {
      part.hidden = part.disabled = part.dataset.shownFor !== list.value;
    });
  }

  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.dataset.action) {
      event.preventDefault();
      act(form, fields(form));
    }
  });

  // Boxes of a worklist: all at once, and how many there are.
  document.addEventListener('change', function (event) {
    var box = event.target;
    if (box.dataset.all) {
      Array.prototype.forEach.call(document.querySelectorAll(box.dataset.all), function (one) {
        one.checked = box.checked;
      });
    }
    counted();
  });

  function counted() {
    var bar = document.querySelector('[data-counts]');
    if (!bar) {
      return;
    }
    var ticked = Array.prototype.filter.call(
      document.querySelectorAll(bar.dataset.counts), function (one) { return one.checked; });
    var ids = ticked.map(function (one) { return one.value; }).join(',');
    Array.prototype.forEach.call(bar.querySelectorAll('[data-number]'), function (place) {
      place.textContent = String(ticked.length);
    });
    Array.prototype.forEach.call(document.querySelectorAll('[data-ticked]'), function (field) {
      field.value = ids;
    });
    Array.prototype.forEach.call(bar.querySelectorAll('button'), function (one) {
      one.disabled = ticked.length === 0;
    });
  }

  // Rows of a table by what is typed: data-filter names the table.
  document.addEventListener('input', function (event) {
    var field = event.target;
    if (!field.dataset.filter) {
      return;
    }
    filterRows(document.querySelector(field.dataset.filter));
  });

  function filterRows(table) {
    if (!table) {
      return;
    }
    var field = document.querySelector('[data-filter="#' + table.id + '"]');
    var all = document.querySelector('[data-unchanged="#' + table.id + '"]');
    var words = field ? field.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    var shown = 0;
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
      var text = row.textContent.toLowerCase();
      var fits = words.every(function (word) { return text.indexOf(word) >= 0; }) &&
        (!all || all.checked || row.dataset.changed === '1');
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    var place = document.querySelector('[data-shown="#' + table.id + '"]');
    if (place) {
      place.textContent = String(shown);
    }
  }

  document.addEventListener('change', function (event) {
    if (event.target.dataset.shows !== undefined) {
      showFor(event.target);
    }
    if (event.target.dataset.unchanged) {
      filterRows(document.querySelector(event.target.dataset.unchanged));
    }
  });

  function switchTheme() {
    var root = document.documentElement;
    var isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : window.matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    try {
      window.localStorage.setItem('gatehouse-theme', root.dataset.theme);
    } catch (error) {
      return;
    }
  }

  document.addEventListener('htmx:responseError', function (event) {
    say('The service does not answer (' + event.detail.xhr.status + ').', true);
  });
  document.addEventListener('htmx:afterSwap', function () {
    counted();
  });

  function get(path) {
    return ask('GET', path);
  }

  window.gatehouse = { ask: ask, get: get, keep: keep, say: say, filterRows: filterRows };
  told();
  counted();
  Array.prototype.forEach.call(document.querySelectorAll('table[id]'), filterRows);
  // Buttons can be clicked from now on: all scripts of the page have run.
  document.addEventListener('DOMContentLoaded', function () {
    document.documentElement.dataset.ready = '1';
  });
})();
