// The preview: asks for it as a part of a page, and for pictures as the sliders say.
(function () {
  'use strict';

  var wanted = null;
  var urls = {};

  function show(body, place) {
    wanted = body;
    place.setAttribute('aria-busy', 'true');
    window.gatehouse.say('Working on the preview…');
    return fetch('/gatehouse/ui/preview', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', 'X-Gatehouse': '1', 'Accept': 'text/html' },
      body: JSON.stringify(body)
    }).then(function (answer) {
      return answer.text().then(function (text) {
        // Made by our own templates, which escape every value; scripts in it would not run.
        var read = new DOMParser().parseFromString(text, 'text/html');
        if (!answer.ok) {
          var said = read.querySelector('main p');
          throw new Error(said ? said.textContent : 'the service does not answer');
        }
        place.replaceChildren.apply(place, Array.prototype.slice.call(read.body.childNodes));
        window.gatehouse.say('');
        Array.prototype.forEach.call(place.querySelectorAll('table[id]'), window.gatehouse.filterRows);
        pictures();
      });
    }).catch(function (error) {
      place.replaceChildren();
      window.gatehouse.say(error.message, true);
    }).finally(function () {
      place.setAttribute('aria-busy', 'false');
    });
  }

  function by(id) {
    return document.getElementById(id);
  }

  function picture(isAfter, window_) {
    var name = isAfter ? 'after' : 'before';
    var body = Object.assign({
      study: wanted.study, instance: by('picture-instance').value,
      frame: Number(by('picture-frame').value), is_after: isAfter
    }, window_);
    ['policy', 'version', 'text'].forEach(function (key) {
      if (wanted[key]) {
        body[key] = wanted[key];
      }
    });
    return fetch('/gatehouse/ui/picture', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', 'X-Gatehouse': '1' },
      body: JSON.stringify(body)
    }).then(function (answer) {
      var image = by('picture-' + name);
      if (!answer.ok) {
        image.hidden = true;
        return answer.text().then(function (text) {
          var said = new DOMParser().parseFromString(text, 'text/html').querySelector('main p');
          throw new Error(said ? said.textContent : 'no picture');
        });
      }
      var about = JSON.parse(answer.headers.get('X-Gatehouse-Picture'));
      return answer.blob().then(function (blob) {
        if (urls[name]) {
          URL.revokeObjectURL(urls[name]);
        }
        urls[name] = URL.createObjectURL(blob);
        image.src = urls[name];
        image.hidden = false;
        return about;
      });
    });
  }

  function pictures() {
    if (!by('pictures')) {
      return;
    }
    var timer = null;
    var hasWindow = false;

    function outputs(about) {
      by('picture-frame-out').textContent = (Number(by('picture-frame').value) + 1) + ' of ' + about.frames;
      by('picture-centre-out').textContent = about.isColour ? '–' : String(Math.round(about.centre));
      by('picture-width-out').textContent = about.isColour ? '–' : String(Math.round(about.width));
    }

    function setUp(about) {
      var frame = by('picture-frame');
      frame.max = String(about.frames - 1);
      frame.disabled = about.frames < 2;
      if (!hasWindow && !about.isColour) {
        var reach = Math.max(2, about.highest - about.lowest);
        var centre = by('picture-centre');
        var width = by('picture-width');
        centre.min = String(Math.floor(about.lowest));
        centre.max = String(Math.ceil(about.highest));
        width.min = '1';
        width.max = String(Math.ceil(Math.max(reach, about.width)));
        centre.value = String(about.centre);
        width.value = String(about.width);
        hasWindow = true;
      }
      by('picture-centre').disabled = about.isColour;
      by('picture-width').disabled = about.isColour;
      outputs(about);
    }

    function draw() {
      var window_ = hasWindow
        ? { centre: Number(by('picture-centre').value), width: Number(by('picture-width').value) }
        : {};
      var isHeld = by('picture-instance').selectedOptions[0].dataset.held === '1';
      by('picture-said').textContent = isHeld ? 'It would be held: nothing would leave.' : '';
      by('picture-after').hidden = true;
      return Promise.all([picture(false, window_).then(setUp), isHeld ? null : picture(true, window_)])
        .catch(function (error) {
          by('picture-said').textContent = error.message;
        });
    }

    function soon() {
      window.clearTimeout(timer);
      timer = window.setTimeout(draw, 150);
    }

    ['picture-frame', 'picture-centre', 'picture-width'].forEach(function (id) {
      by(id).addEventListener('input', soon);
    });
    by('picture-instance').addEventListener('change', function () {
      hasWindow = false;
      by('picture-frame').value = '0';
      draw();
    });
    draw();
  }

  window.gatehousePreview = show;

  var form = by('preview-form');
  if (form) {
    form.addEventListener('submit', function (event) {
      event.preventDefault();
      var body = { study: form.elements.study.value.trim() };
      if (form.elements.policy.value) {
        body.policy = form.elements.policy.value;
        if (form.dataset.version) {
          body.version = Number(form.dataset.version);
        }
      }
      show(body, by('preview-here'));
    });
    if (form.elements.study.value) {
      form.requestSubmit();
    }
  }
})();
