"""Talks to a running server through the generated client: python conversation.py http://localhost:8000"""

import sys
from uuid import uuid4

from keel_client import AuthenticatedClient, Client
from keel_client.api.items import items_create_item, items_read_items
from keel_client.api.login import login_token
from keel_client.api.users import users_read_me, users_signup
from keel_client.models import (
    HTTPValidationError,
    ItemCreate,
    ItemRead,
    ItemReadPage,
    LoginForm,
    RefreshForm,
    Token,
    UserRead,
    UserRegister,
)
from keel_client.types import UNSET, Unset

base_url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
email, password = f"ann-{uuid4()}@example.com", "correct horse battery"
anonymous = Client(base_url=base_url)

# Sign up and log in.
user = users_signup.sync(client=anonymous, body=UserRegister(email=email, password=password))
assert isinstance(user, UserRead) and user.email == email
login = login_token.sync(client=anonymous, body=LoginForm(username=email, password=password))
assert isinstance(login, Token)
client = AuthenticatedClient(base_url=base_url, token=login.access_token)

# Create items, and read them in pages.
for title in ["kettle", "pot", "cup", "spoon", "plate"]:
    item = items_create_item.sync(client=client, body=ItemCreate(title=title, price=2.5))
    assert isinstance(item, ItemRead) and item.title == title and item.price == 2.5
titles: list[str] = []
cursor: str | Unset = UNSET
while True:
    page = items_read_items.sync(client=client, limit=2, cursor=cursor)
    assert isinstance(page, ItemReadPage)
    titles += [item.title for item in page.data]
    cursor = page.next_cursor
    if isinstance(cursor, Unset):
        break
assert titles == ["plate", "spoon", "cup", "pot", "kettle"], titles

# An invalid request: the problems are typed.
invalid = items_create_item.sync(client=client, body=ItemCreate(title="", price=-1))
assert isinstance(invalid, HTTPValidationError)
places: list[list[int | str]] = [problem.loc for problem in invalid.detail]
assert places == [["body", "title"], ["body", "price"]], places

# Refresh.
body = RefreshForm(grant_type="refresh_token", refresh_token=login.refresh_token)
refreshed = login_token.sync(client=anonymous, body=body)
assert isinstance(refreshed, Token)
me = users_read_me.sync(client=AuthenticatedClient(base_url=base_url, token=refreshed.access_token))
assert isinstance(me, UserRead) and me.email == email
print("python: ok")
