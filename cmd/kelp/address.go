package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// splitAddress takes HOST:PORT apart; what names the flag it came from. An
// address that can not be one is wrong usage.
func splitAddress(addr, what string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, usageError{fmt.Errorf("%s %q is not HOST:PORT, like 127.0.0.1:7411", what, addr)}
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > portMax {
		return "", 0, usageError{fmt.Errorf("%s %q has no port from 0 to %d", what, addr, portMax)}
	}
	return host, port, nil
}

// portMax is the highest port there is.
const portMax = 65535

// listenOn listens on the address of flag what.
func listenOn(addr, what string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w (is another kelp running there? choose another with %s)", addr, rootOf(err), what)
	}
	return ln, nil
}

// rootOf drops what package net puts before the system's own words.
func rootOf(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// portAbove is the address of flag what with its port raised by n, for the one
// that flag names; port 0 stays 0.
func portAbove(addr string, n int, flag string) (string, error) {
	host, port, err := splitAddress(addr, "--listen")
	if err != nil {
		return "", err
	}
	if port > 0 {
		port += n
	}
	if port > portMax {
		return "", usageError{fmt.Errorf("port %d, which is --listen's and %d, is above %d; give %s", port, n, portMax, flag)}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// hostName is what a machine may be called.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// seeds checks the addresses of --join, HOST:PORT or a URL of one, and returns them as HOST:PORT. Whether anyone is there is not asked: they may come later.
func seeds(join []string) ([]string, error) {
	var addrs []string
	for _, text := range join {
		addr := strings.TrimSpace(text)
		if strings.Contains(addr, "://") {
			u, err := url.Parse(addr)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
				return nil, usageError{fmt.Errorf("--join %q is not HOST:PORT or http://HOST:PORT", text)}
			}
			addr = u.Host
		}
		host, port, err := splitAddress(addr, "--join")
		if err != nil {
			return nil, err
		}
		if port == 0 || net.ParseIP(host) == nil && !hostName.MatchString(host) {
			return nil, usageError{fmt.Errorf("--join %q names no member: want HOST:PORT, like 127.0.0.1:7411", text)}
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}
