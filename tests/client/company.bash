# What a site has for codes by telephone, on loopback: Kannel, a gateway for text messages, with its
# own test program in the place of a telephone company. Source this with $dir set; started by
# company_up, ended by company_down.
# shellcheck shell=bash disable=SC2154
company_pids=()

# taken PORT: whether somebody listens there, or might.
taken() { cat /proc/net/{tcp,udp}{,6} 2>/dev/null | grep -qi ":$(printf %04X "$1") "; }
# So many ports in a row that nobody has.
free_ports() {
	local first i
	while :; do
		first=$((20000 + RANDOM % 12000))
		for ((i = 0; i < $1; i++)); do ! taken $((first + i)) || continue 2; done
		echo "$first"
		return
	done
}
# listening PORT: waits for it, ten seconds at most.
listening() {
	local i
	for ((i = 0; i < 500; i++)); do
		! grep -qi ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp || return 0
		sleep 0.02
	done
	return 1
}

# company_up PORT: sendsms listens there; the three ports behind it are Kannel's, too.
company_up() {
	local port=$1
	cat >"$dir/kannel.conf" <<-KANNEL
		group = core
		admin-port = $((port + 1))
		admin-password = $RANDOM$RANDOM$RANDOM
		admin-interface = 127.0.0.1
		smsbox-port = $((port + 2))
		smsbox-interface = 127.0.0.1
		box-allow-ip = 127.0.0.1

		group = smsc
		smsc = fake
		smsc-id = company
		port = $((port + 3))
		our-host = 127.0.0.1
		connect-allow-ip = 127.0.0.1

		group = smsbox
		bearerbox-host = 127.0.0.1
		sendsms-port = $port
		sendsms-interface = 127.0.0.1

		group = sendsms-user
		username = kenmon
		password = secret
		default-sender = 12345

		group = sms-service
		keyword = default
		text = none
	KANNEL
	: >"$dir/company.log"
	/usr/sbin/bearerbox "$dir/kannel.conf" >"$dir/kannel.log" 2>&1 &
	company_pids+=($!)
	listening $((port + 2)) && listening $((port + 3)) || return 1
	/usr/sbin/smsbox "$dir/kannel.conf" >>"$dir/kannel.log" 2>&1 &
	company_pids+=($!)
	/usr/lib/kannel/test/fakesmsc -H 127.0.0.1 -r $((port + 3)) -m 0 '1 2 text none' >"$dir/company.log" 2>&1 &
	company_pids+=($!)
	listening "$port"
}
company_down() {
	[ ${#company_pids[@]} = 0 ] || { kill -9 "${company_pids[@]}"; wait "${company_pids[@]}"; } 2>/dev/null
	company_pids=()
}

# How many messages the company has, and one of them (from 1): NUMBER TEXT.
messages() { grep -c 'Got message' "$dir/company.log"; }
message() {
	local line text
	line=$(grep 'Got message' "$dir/company.log" | sed -n "$1s/.*<[0-9]* \(.*\)>\$/\1/p")
	text=${line#* ucs-2 }
	text=${text//+/ }
	printf '%s ' "${line%% *}"
	printf '%b' "${text//%/\\x}" | iconv -f UTF-16BE -t UTF-8
	echo
}
# The code in the message behind the first N, as soon as it is there.
code_behind() {
	local i
	for ((i = 0; i < 500; i++)); do
		[ "$(messages)" -le "$1" ] || break
		sleep 0.02
	done
	message $(($1 + 1)) | sed -n 's/^[^ ]* .*\<\([0-9]\{6\}\)\>.*/\1/p'
}
