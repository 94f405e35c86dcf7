// Puts the chosen colours on before anything is drawn.
(function () {
  'use strict';
  try {
    var chosen = window.localStorage.getItem('gatehouse-theme');
    if (chosen === 'light' || chosen === 'dark') {
      document.documentElement.dataset.theme = chosen;
    }
  } catch (error) {
    // Without storage the system's choice stays.
  }
})();
