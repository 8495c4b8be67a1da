// Package ui is the web page, embedded into the binary.
package ui
