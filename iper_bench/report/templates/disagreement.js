// The metric-disagreement browser: two methods and two metrics are chosen, the frames on which the metrics
// contradict each other most are shown. The first choice stands in the page already.
document.querySelectorAll(".disagreement").forEach(function (part) {
  var data = JSON.parse(part.querySelector('script[type="application/json"]').textContent);
  var choose = part.querySelector(".choose"), selects = choose.querySelectorAll("select");
  var table = part.querySelector("tbody"), said = part.querySelector(".said"), cards = part.querySelector(".cards");
  var answers = {};
  data.answers.forEach(function (answer) { answers[answer.slice(0, 4).join(" ")] = answer; });

  function make(name, text, kind) {
    var element = document.createElement(name);
    if (text !== undefined) { element.textContent = text; }
    if (kind) { element.className = kind; }
    return element;
  }
  function number(value) {
    if (value === "inf" || value === "-inf") { return value === "inf" ? "∞" : "\u2212∞"; }
    return String(value).replace("-", "\u2212");
  }
  function picture(place, label) {
    var held = data.pictures[place], figure = make("figure"), shown;
    if (typeof held === "string") {
      shown = make("div", undefined, "hatched side-" + data.side);
      shown.setAttribute("role", "img");
      shown.setAttribute("aria-label", label + ": " + held);
      shown.appendChild(make("span", held));
    } else {
      shown = make("img", undefined, "shot" + (held[3] ? " small" : ""));
      shown.loading = "lazy";
      shown.alt = label;
      shown.width = held[1];
      shown.height = held[2];
      shown.src = held[0];
    }
    figure.appendChild(shown);
    figure.appendChild(make("figcaption", label));
    return figure;
  }
  function verdict(metric, ours, theirs, names) {
    var line = make("span"), better = (Number(ours.replace("inf", "Infinity")) > Number(theirs.replace("inf", "Infinity")));
    if (!metric.higher) { better = !better; }
    line.appendChild(make("b", metric.name + " " + (metric.higher ? "↑" : "↓") + " prefers " + names[better ? 0 : 1]));
    var value = make("span", " " + number(ours) + " and " + number(theirs));
    value.dataset.passport = metric.definition;
    line.appendChild(value);
    return line;
  }
  function card(entry, methods, metrics, turned) {
    var frame = data.frames[entry[0]], values = turned ? [entry[2], entry[1], entry[4], entry[3]] : entry.slice(1, 5);
    var box = make("div", undefined, "card"), shots = make("div", undefined, "shots"), text = make("p");
    var names = methods.map(function (method) { return data.methods[method]; });
    frame.beside.forEach(function (one) { shots.appendChild(picture(one[1], one[0])); });
    methods.forEach(function (method) {
      shots.appendChild(picture(frame.predictions[method], data.methods[method]));
    });
    box.appendChild(shots);
    text.appendChild(verdict(data.metrics[metrics[0]], values[0], values[1], names));
    text.appendChild(make("br"));
    text.appendChild(verdict(data.metrics[metrics[1]], values[2], values[3], names));
    text.appendChild(make("br"));
    text.appendChild(make("span", frame.trial + ", frame " + frame.number + ", disagreement " + entry[5] + " "));
    if (document.getElementById(frame.player)) {
      var link = make("a", "play", "to-player");
      link.href = "#" + frame.player;
      text.appendChild(link);
    }
    box.appendChild(text);
    return box;
  }
  function pair(one, other) { return one < other ? [one, other] : [other, one]; }
  function answer(methods, metrics) {
    return answers[pair(methods[0], methods[1]).concat(pair(metrics[0], metrics[1])).join(" ")];
  }
  function fill(methods, metrics) {
    table.textContent = "";
    data.metrics.forEach(function (first, i) {
      data.metrics.forEach(function (second, j) {
        var found = i < j ? answer(methods, [i, j]) : undefined;
        if (!found) { return; }
        var row = make("tr"), chosen = pair(metrics[0], metrics[1]);
        if (chosen[0] === i && chosen[1] === j) { row.className = "chosen"; }
        row.appendChild(make("th", first.name + ", " + second.name));
        [found[4], found[5], found[6]].forEach(function (value, place) {
          var missing = value === null, text = missing ? "–" : place === 2 ? (100 * value).toFixed(1) + " %" :
            place === 1 ? value.toFixed(2).replace("-", "\u2212") : String(value);
          var cell = make("td", text);
          if (!missing) { cell.dataset.value = value; }
          row.appendChild(cell);
        });
        table.appendChild(row);
      });
    });
  }
  function show(changed) {
    var chosen = Array.prototype.map.call(selects, function (select) { return Number(select.value); });
    [[0, 1], [2, 3]].forEach(function (two) {
      // the same twice is no question: the other select moves on
      if (chosen[two[0]] !== chosen[two[1]]) { return; }
      var other = changed === two[0] ? two[1] : two[0], count = selects[other].options.length;
      chosen[other] = (chosen[other] + 1) % count;
      selects[other].value = String(chosen[other]);
    });
    var methods = chosen.slice(0, 2), metrics = chosen.slice(2), found = answer(methods, metrics);
    fill(methods, metrics);
    cards.textContent = "";
    if (!found) {
      said.textContent = "No frame has values of both metrics for both methods.";
      return;
    }
    var entries = found[7];
    said.textContent = entries.length ? "" : found[6] > 0 ?
      "Frames disagree, but others more: the pictures are kept for the strongest disagreements." :
      "The two metrics agree on every frame.";
    entries.forEach(function (entry) {
      var turned = methods[0] > methods[1], swapped = metrics[0] > metrics[1];
      var values = swapped ? [entry[0], entry[3], entry[4], entry[1], entry[2], entry[5]] : entry;
      cards.appendChild(card(values, methods, metrics, turned));
    });
  }
  part.querySelectorAll("a.to-player").forEach(function (link) {
    link.hidden = !document.getElementById(link.hash.slice(1));
  });
  choose.hidden = false;
  Array.prototype.forEach.call(selects, function (select, place) {
    select.addEventListener("change", function () { show(place); });
  });
});
