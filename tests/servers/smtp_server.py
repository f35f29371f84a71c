"""A mail server that keeps every mail as a file, for trying things out and for tests.

    pip install -r tests/servers/requirements.txt
    python3 tests/servers/smtp_server.py --plain --port 2525 --mails mails/

A mail becomes NUMBER.eml, byte for byte as it came, and NUMBER.json: envelope, login, whether TLS was on. Both are on the
disk before the server says that it has the mail.

Tests let it misbehave while it runs: --behaviour names a file that is read anew at each point. Each line of it is a rule,
POINT ACTION:

    POINT   connect     a client connects
            recipient   the recipient is named
            data        the client wants to send the content
            content     the content is there and not stored
            stored      the mail is stored and not confirmed
    ACTION  delay SECONDS      wait, then go on
            answer TEXT        answer so, such as `451 4.3.0 later`, and leave the mail (not at `connect`)
            drop               close the connection without a word

A rule may begin with a chance in percent: `30% content drop`.
"""

import argparse
import asyncio
import itertools
import json
import os
import pathlib
import random
import ssl
import sys
import threading
import time

try:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
except ImportError:
    sys.exit("this needs aiosmtpd: pip install -r tests/servers/requirements.txt")

MAX_MAIL_BYTES = 64 * 1024 * 1024


class Behaviour:
    """The rules as they stand in their file at the moment."""

    def __init__(self, path):
        self.path = path

    def at(self, point):
        try:
            lines = self.path.read_text().splitlines() if self.path else []
        except FileNotFoundError:
            lines = []
        for line in lines:
            words = line.split(maxsplit=1)
            if words and words[0].endswith("%"):
                if random.random() * 100 >= float(words[0][:-1]):
                    continue
                line = words[1]
            where, _, action = line.strip().partition(" ")
            if where == point:
                yield action.partition(" ")

    async def meet(self, point, transport):
        """Does what the rules say. Returns the answer to give instead of the usual one, if any."""
        for action, _, rest in self.at(point):
            if action == "delay":
                await asyncio.sleep(float(rest))
            elif action == "answer":
                return rest
            elif action == "drop":
                transport.abort()
                return "421 dropped"
            else:
                sys.exit(f"unknown action '{action}' in the behaviour file")
        return None


class Mails:
    """The folder of mails."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        taken = [int(path.stem) for path in folder.glob("*.eml") if path.stem.isdigit()]
        self.numbers = itertools.count(max(taken, default=0) + 1)

    def store(self, envelope, about):
        name = f"{next(self.numbers):06}"
        self.write(f"{name}.json", json.dumps(about, indent=2).encode())
        return self.write(f"{name}.eml", envelope.content)

    def write(self, name, content):
        path = self.folder / name
        part = self.folder / f".{name}.part"
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        folder = os.open(self.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return path


class Handler:
    def __init__(self, behaviour, mails, quiet):
        self.behaviour = behaviour
        self.mails = mails
        self.quiet = quiet

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self.behaviour.meet("recipient", server.transport)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient fine"

    async def handle_DATA(self, server, session, envelope):
        answer = await self.behaviour.meet("content", server.transport)
        if answer:
            return answer
        about = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "parameters": envelope.mail_options,
            "login": session.auth_data.login.decode() if session.auth_data else None,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "connection": server.number,
            "received_at": time.time(),
        }
        path = self.mails.store(envelope, about)
        if not self.quiet:
            print(f"a mail for {', '.join(envelope.rcpt_tos)}: {path}", flush=True)
        return await self.behaviour.meet("stored", server.transport) or "250 2.0.0 stored"


class Server(SMTP):
    connections = itertools.count(1)

    def connection_made(self, transport):
        if not hasattr(self, "number"):
            self.number = next(self.connections)
            if any(action == "drop" for action, _, _ in self.event_handler.behaviour.at("connect")):
                transport.abort()
                return
        super().connection_made(transport)

    async def smtp_DATA(self, arg):
        answer = await self.event_handler.behaviour.meet("data", self.transport)
        if answer:
            await self.push(answer)
        else:
            await super().smtp_DATA(arg)


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=is_right, handled=False, auth_data=data)

    return check


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--mails", type=pathlib.Path, required=True, help="folder of the mails")
    security = parser.add_mutually_exclusive_group()
    security.add_argument("--plain", action="store_true", help="without TLS")
    security.add_argument("--implicit-tls", action="store_true", help="TLS from the first byte instead of STARTTLS")
    parser.add_argument("--certificate", help="PEM file with the certificate chain")
    parser.add_argument("--key", help="PEM file with its key")
    parser.add_argument("--user", help="require this login")
    parser.add_argument("--password", default="")
    parser.add_argument("--behaviour", type=pathlib.Path, help="file with rules, read while the server runs")
    parser.add_argument("--until-input-ends", action="store_true", help="stop when standard input ends; say little")
    given = parser.parse_args()
    if not given.plain and not (given.certificate and given.key):
        parser.error("TLS needs --certificate and --key; use --plain to go without")
    return given


async def main(given):
    context = None
    if not given.plain:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(given.certificate, given.key)
    starttls = context is not None and not given.implicit_tls
    handler = Handler(Behaviour(given.behaviour), Mails(given.mails), given.until_input_ends)

    def server():
        return Server(
            handler,
            hostname="mail.test",
            data_size_limit=MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticator(given.user, given.password) if given.user else None,
            auth_required=bool(given.user),
            auth_require_tls=starttls,
        )

    loop = asyncio.get_running_loop()
    implicit = context if given.implicit_tls else None
    listening = await loop.create_server(server, given.host, given.port, ssl=implicit)
    port = listening.sockets[0].getsockname()[1]
    print(f"mail server on {given.host}:{port}", flush=True)
    if given.until_input_ends:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    await listening.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(arguments()))
    except KeyboardInterrupt:
        pass
