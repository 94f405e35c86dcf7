// Gatehouse in Orthanc Explorer (jQuery 1.7.2, jQuery Mobile 1.1): state and decision on the pages
// of patients, studies and series, buttons that lead on, and an entry on the first page.
// What the service answers is put in as text, never as HTML.

(function() {
  'use strict';

  var PAGES = '../gatehouse/ui/';

  function isId(text) {
    return /^[0-9a-f-]+$/.test(text || '');
  }

  function button(text, icon) {
    return $('<a>', { 'class': 'gatehouse', 'href': '#', 'data-role': 'button', 'data-icon': icon,
                      'data-theme': 'e' }).text(text);
  }

  function list(id) {
    return $('<ul>', { 'class': 'gatehouse', 'id': id })
      .attr({ 'data-role': 'listview', 'data-inset': 'true' }).hide();
  }

  function line(place, title, text) {
    if (text !== null && text !== undefined && text !== '') {
      var item = $('<li>');
      item.append($('<strong>').text(title + ': '), $('<span>').text(String(text)));
      place.append(item);
    }
  }

  function show(place, answer) {
    line(place, 'State', answer.state);
    line(place, 'Policy', answer.policy ? answer.policy + ' version ' + answer.policy_version : '');
    line(place, 'Decision', answer.decision ? answer.decision.outcome : '');
    line(place, 'Rule', answer.rule);
    line(place, 'Reason', answer.reason);
    $.each(answer.deliveries || [], function(_, delivery) {
      line(place, 'Delivery to ' + delivery.destination,
           delivery.state + ', ' + delivery.receipts + ' of ' + delivery.instances +
           ' instances confirmed');
    });
    line(place, 'De-identified from', answer.deidentified_from);
    line(place, 'De-identified as', (answer.deidentified_as || []).join(', '));
  }

  function failed(place, request) {
    if (request.status === 404) {
      line(place, 'State', 'not known to Gatehouse');
    } else if (request.status === 403) {
      line(place, 'State', 'your user has no role in Gatehouse');
    } else {
      line(place, 'State', 'Gatehouse does not answer (' + request.status + ')');
    }
  }

  function ask(study, place) {
    place.empty().show();
    $.ajax({ url: '../gatehouse/studies/' + study, dataType: 'json', cache: false })
      .done(function(answer) { show(place, answer); })
      .fail(function(request) { failed(place, request); })
      .always(function() { place.listview('refresh'); });
  }

  function process(study, place) {
    $.ajax({ url: '../gatehouse/studies/' + study + '/process', type: 'POST', dataType: 'json',
             contentType: 'application/json', data: '{}', headers: { 'X-Gatehouse': '1' } })
      .done(function() { ask(study, place); })
      .fail(function(request) {
        place.empty().show();
        line(place, 'Not processed', request.status === 403 ? 'your role does not allow it' :
             request.status === 409 ? 'the study is not complete yet, or waits already' :
             'Gatehouse does not answer (' + request.status + ')');
        place.listview('refresh');
      });
  }

  // The buttons of one study, after an element of the page.
  function add(page, after, study, id) {
    var place = list(id);
    var state = button('Gatehouse', 'info').click(function(event) {
      event.preventDefault();
      ask(study, place);
    });
    var preview = button('Gatehouse: preview', 'search')
      .attr({ 'href': PAGES + 'preview?study=' + study, 'rel': 'external' });
    var again = button('Gatehouse: process again', 'refresh').click(function(event) {
      event.preventDefault();
      process(study, place);
    });
    var held = button('Gatehouse: held studies', 'alert')
      .attr({ 'href': PAGES + 'held', 'rel': 'external' });
    page.find(after).after(held).after(again).after(preview).after(place).after(state);
    $.each([state, preview, again, held], function(_, one) { one.button(); });
    place.listview();
  }

  function shown(event) {
    var page = $(event.currentTarget);
    page.find('.gatehouse').remove();
    var uuid = $.mobile.pageData && $.mobile.pageData.uuid;
    return isId(uuid) ? { page: page, uuid: uuid } : null;
  }

  $('#study').live('pagebeforeshow', function(event) {
    var found = shown(event);
    if (found) {
      add(found.page, '#study-info', found.uuid, 'gatehouse-study');
    }
  });

  $('#series').live('pagebeforeshow', function(event) {
    var found = shown(event);
    if (found) {
      $.ajax({ url: '../series/' + found.uuid, dataType: 'json', cache: false })
        .done(function(series) {
          if (isId(series.ParentStudy) && !found.page.find('.gatehouse').length) {
            add(found.page, '#series-info', series.ParentStudy, 'gatehouse-series');
          }
        });
    }
  });

  // A patient has several studies: one line for each, which leads to its page.
  $('#patient').live('pagebeforeshow', function(event) {
    var found = shown(event);
    if (!found) {
      return;
    }
    var place = list('gatehouse-patient');
    found.page.find('#patient-info').after(place);
    place.listview();
    $.ajax({ url: '../patients/' + found.uuid, dataType: 'json', cache: false })
      .done(function(patient) {
        $.each((patient.Studies || []).filter(isId), function(_, study) {
          var item = $('<li>', { 'data-icon': 'info' });
          var link = $('<a>', { 'rel': 'external' }).attr('href', PAGES + 'studies/' + study);
          link.text('Gatehouse: ...');
          place.append(item.append(link)).show();
          $.ajax({ url: '../gatehouse/studies/' + study, dataType: 'json', cache: false })
            .done(function(answer) {
              link.text('Gatehouse: ' + answer.state +
                        (answer.policy ? ' by ' + answer.policy : '') +
                        (answer.reason ? ' (' + answer.reason + ')' : ''));
            })
            .fail(function() { link.text('Gatehouse: not known'); });
        });
        place.listview('refresh');
      });
  });

  $('#lookup, #find-patients').live('pagebeforeshow', function(event) {
    var page = $(event.currentTarget);
    page.find('.gatehouse').remove();
    var entry = button('Gatehouse', 'home')
      .attr({ 'href': PAGES + 'overview', 'rel': 'external' });
    page.find('[data-role="content"]').first().append(entry);
    entry.button();
  });
})();
