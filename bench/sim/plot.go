package sim

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Two logarithmic axes and a few lines: libraries that draw them bring fonts and
// rasters along, which an SVG does not need.

// panel is one diagram, both of whose axes are logarithmic.
type panel struct {
	title, x string // the title says what goes upwards
	lines    []line
}

// line is points, x ascending.
type line struct {
	name   string
	points [][2]float64
}

func (l *line) add(x, y float64) { l.points = append(l.points, [2]float64{x, y}) }

// Sizes in pixels: of a panel, and of its margins.
const (
	panelWidth, panelHeight   = 460, 320
	left, right, top, bottom  = 64, 16, 36, 84
	plotWidth                 = panelWidth - left - right
	plotHeight                = panelHeight - top - bottom
	panelsAside, legendHeight = 2, 16
)

// colours are told apart by those who see fewer, too, and dashes without any.
func colours() []string { return []string{"#d55e00", "#e69f00", "#0072b2", "#009e73"} }
func dashes() []string  { return []string{"7 3", "2 2", "none", "10 3 2 3"} }

// Plot is the diagrams as one SVG.
func (r *Report) Plot() string {
	var b strings.Builder
	rows := (len(r.panels) + panelsAside - 1) / panelsAside
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		panelsAside*panelWidth, rows*panelHeight)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i := range r.panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%panelsAside*panelWidth, i/panelsAside*panelHeight)
		r.panels[i].draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// decades are the powers of ten around values: log10 of the first and of the last.
func (p *panel) decades(axis int) (from, to int) {
	from, to = math.MaxInt, math.MinInt
	for _, l := range p.lines {
		for _, pt := range l.points {
			from, to = min(from, int(math.Floor(math.Log10(pt[axis])))), max(to, int(math.Ceil(math.Log10(pt[axis]))))
		}
	}
	return from, max(to, from+1)
}

func (p *panel) draw(b *strings.Builder) {
	text := func(x, y float64, anchor, what string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(what))
	}
	fromX, toX := p.decades(0)
	fromY, toY := p.decades(1)
	place := func(pt [2]float64) (x, y float64) {
		return left + plotWidth*(math.Log10(pt[0])-float64(fromX))/float64(toX-fromX),
			top + plotHeight*(float64(toY)-math.Log10(pt[1]))/float64(toY-fromY)
	}
	text(left, top-14, "start", p.title)
	text(left+plotWidth, top+plotHeight+30, "end", p.x)
	for d := fromX; d <= toX; d++ {
		x, _ := place([2]float64{math.Pow10(d), 1})
		fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="#ddd"/>`+"\n", x, top, top+plotHeight)
		text(x, top+plotHeight+16, "middle", tick(d))
	}
	for d := fromY; d <= toY; d++ {
		_, y := place([2]float64{1, math.Pow10(d)})
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/>`+"\n", left, y, left+plotWidth)
		text(left-6, y+4, "end", tick(d))
	}
	for i, l := range p.lines {
		colour, dash := colours()[i%len(colours())], dashes()[i%len(dashes())]
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="`, colour, dash)
		for _, pt := range l.points {
			x, y := place(pt)
			fmt.Fprintf(b, "%.1f,%.1f ", x, y)
		}
		b.WriteString("\"/>\n")
		x, y := float64(left+i%2*plotWidth/2), float64(top+plotHeight+46+i/2*legendHeight)
		fmt.Fprintf(b, `<path d="M%.1f %.1fh24" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n", x, y-4, colour, dash)
		text(x+30, y, "start", l.name)
	}
}

// tick is a power of ten for people.
func tick(decade int) string {
	if decade < -1 {
		return fmt.Sprintf("1e%d", decade)
	}
	return fmt.Sprintf("%g", math.Pow10(decade))
}
