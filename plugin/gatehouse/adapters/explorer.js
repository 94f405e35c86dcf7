// The button "Gatehouse" on the study page of Orthanc Explorer (jQuery 1.7.2, jQuery Mobile 1.1).
// What the service answers is put in as text, never as HTML.

$('#study').live('pagebeforeshow', function() {
  'use strict';

  var page = $(this);
  page.find('.gatehouse').remove();

  var study = $.mobile.pageData && $.mobile.pageData.uuid;
  if (!study || !/^[0-9a-f-]+$/.test(study)) {
    return;
  }

  var button = $('<a>', { 'class': 'gatehouse', 'href': '#', 'data-role': 'button',
                          'data-icon': 'info', 'data-theme': 'e' }).text('Gatehouse');
  var list = $('<ul>', { 'class': 'gatehouse', 'id': 'gatehouse-study' })
    .attr({ 'data-role': 'listview', 'data-inset': 'true' }).hide();

  function line(title, text) {
    if (text !== null && text !== undefined && text !== '') {
      var item = $('<li>');
      item.append($('<strong>').text(title + ': '), $('<span>').text(String(text)));
      list.append(item);
    }
  }

  function show(answer) {
    line('State', answer.state);
    line('Policy', answer.policy ? answer.policy + ' version ' + answer.policy_version : '');
    line('Decision', answer.decision ? answer.decision.outcome : '');
    line('Rule', answer.rule);
    line('Reason', answer.reason);
    $.each(answer.deliveries || [], function(_, delivery) {
      line('Delivery to ' + delivery.destination,
           delivery.state + ', ' + delivery.receipts + ' of ' + delivery.instances +
           ' instances confirmed');
    });
    line('De-identified from', answer.deidentified_from);
    line('De-identified as', (answer.deidentified_as || []).join(', '));
  }

  function failed(request) {
    if (request.status === 404) {
      line('State', 'not known to Gatehouse');
    } else if (request.status === 403) {
      line('State', 'your user has no role in Gatehouse');
    } else {
      line('State', 'Gatehouse does not answer (' + request.status + ')');
    }
  }

  button.click(function(event) {
    event.preventDefault();
    list.empty().show();
    $.ajax({ url: '../gatehouse/studies/' + study, dataType: 'json', cache: false })
      .done(show)
      .fail(failed)
      .always(function() { list.listview('refresh'); });
  });

  page.find('#study-info').after(list).after(button);
  button.button();
  list.listview();
});
