// Adds studies to a run: by what is typed, or by the accession numbers of a CSV file. The file is
// read here; its numbers go to the REST route in parts, and are kept nowhere.
(function () {
  'use strict';

  var form = document.getElementById('add-studies');
  if (!form) {
    return;
  }
  var said = document.getElementById('add-said');
  var AT_ONCE = 50;

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    var file = form.elements.file.files[0];
    var typed = {};
    Array.prototype.forEach.call(form.elements, function (field) {
      if (field.name && field.type !== 'file' && field.value.trim()) {
        typed[field.name] = field.value.trim();
      }
    });
    var button = form.querySelector('button');
    button.disabled = true;
    (file ? file.text().then(numbers) : Promise.resolve(null)).then(function (found) {
      var queries = found === null ? [typed] : found.map(function (number) {
        return Object.assign({}, typed, { AccessionNumber: number });
      });
      if (!queries.length || (found === null && !Object.keys(typed).length)) {
        throw new Error('Nothing says which studies.');
      }
      return add(queries, 0, { added: 0, missed: [] });
    }).then(function (sum) {
      var missed = sum.missed.length
        ? '; ' + sum.missed.length + ' found none: number ' + sum.missed.slice(0, 20).join(', ') +
          (sum.missed.length > 20 ? ' …' : '')
        : '';
      window.gatehouse.keep(sum.added + (sum.added === 1 ? ' study' : ' studies') + ' added' + missed + '.');
      window.location.reload();
    }).catch(function (error) {
      said.textContent = error.message;
      button.disabled = false;
    });
  });

  function add(queries, from, sum) {
    if (from >= queries.length) {
      return Promise.resolve(sum);
    }
    said.textContent = from + ' of ' + queries.length + ' asked for, ' + sum.added + ' added …';
    var part = queries.slice(from, from + AT_ONCE);
    return window.gatehouse.ask('POST', '/gatehouse/runs/' + form.dataset.run + '/studies', { queries: part })
      .then(function (answer) {
        sum.added += answer.added;
        answer.nothing_found.forEach(function (one) { sum.missed.push(from + one + 1); });
        return add(queries, from + AT_ONCE, sum);
      });
  }

  // The accession numbers of a CSV file, each once: as `gatehouse run --csv` reads it.
  function numbers(text) {
    var rows = parsed(text.replace(/^\ufeff/, ''));
    var names = (rows[0] || []).map(function (cell) { return cell.trim().toLowerCase(); });
    var column = names.indexOf('accessionnumber');
    if (column >= 0) {
      rows = rows.slice(1);
    }
    var found = [];
    rows.forEach(function (row) {
      var number = (row[Math.max(column, 0)] || '').trim();
      if (/[*?\\]/.test(number)) {
        throw new Error('The file has accession numbers with wildcards, which find others.');
      }
      if (number && found.indexOf(number) < 0) {
        found.push(number);
      }
    });
    if (!found.length) {
      throw new Error('The file has no accession numbers.');
    }
    return found;
  }

  // Rows of cells (RFC 4180); empty rows are left out.
  function parsed(text) {
    var rows = [];
    var row = [];
    var cell = '';
    var quoted = false;
    for (var at = 0; at < text.length; at += 1) {
      var sign = text[at];
      if (quoted) {
        if (sign !== '"') {
          cell += sign;
        } else if (text[at + 1] === '"') {
          cell += '"';
          at += 1;
        } else {
          quoted = false;
        }
      } else if (sign === '"') {
        quoted = true;
      } else if (sign === ',') {
        row.push(cell);
        cell = '';
      } else if (sign === '\n' || sign === '\r') {
        row.push(cell);
        rows.push(row);
        row = [];
        cell = '';
      } else {
        cell += sign;
      }
    }
    row.push(cell);
    rows.push(row);
    return rows.filter(function (one) { return one.some(function (text) { return text.trim(); }); });
  }
})();
