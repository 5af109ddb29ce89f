"""The routes that `just bench` measures, as a FastAPI user would write them: async SQLAlchemy, pydantic, PyJWT, argon2.

It uses the tables that Keel's migrations make, and the same DATABASE_URL and SECRET_KEY as the other services.
"""

import hashlib
import os
import secrets
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Literal

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

SECRET_KEY = os.environ["SECRET_KEY"]
TOKEN_LIFETIME = timedelta(minutes=30)
Timestamp = DateTime(timezone=True)

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://"), pool_size=5)
new_session = async_sessionmaker(engine, expire_on_commit=False)
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    username: Mapped[str]
    hashed_password: Mapped[str]
    is_active: Mapped[bool]
    is_superuser: Mapped[bool]


class Session(Base):
    __tablename__ = "sessions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    scopes: Mapped[str]
    family_hash: Mapped[str]
    refresh_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_used_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)


item_tags = Table(
    "item_tags",
    Base.metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class Item(Base):
    __tablename__ = "items"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    description: Mapped[str | None]
    price: Mapped[int | None] = mapped_column(BigInteger)
    tax: Mapped[int | None] = mapped_column(BigInteger)
    condition: Mapped[str]
    available_from: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    updated_at: Mapped[datetime] = mapped_column(Timestamp)
    tags: Mapped[list[Tag]] = relationship(secondary=item_tags, order_by=Tag.name)


class ItemCreate(BaseModel):
    title: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=255)
    price: Decimal | None = Field(default=None, gt=0, decimal_places=2)
    tax: Decimal | None = Field(default=None, ge=0, decimal_places=2)
    condition: Literal["new", "used", "refurbished"] = "new"
    available_from: datetime | None = None

    @model_validator(mode="after")
    def tax_below_price(self) -> "ItemCreate":
        if self.price is not None and self.tax is not None and self.tax >= self.price:
            raise ValueError("Tax must be less than price")
        return self


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    title: str
    description: str | None
    price: float | None
    tax: float | None
    condition: str
    available_from: datetime | None
    tags: list[str]
    owner_id: uuid.UUID
    created_at: datetime
    updated_at: datetime


class ItemPage(BaseModel):
    data: list[ItemRead]
    count: int


def to_read(item: Item, tags: list[str]) -> ItemRead:
    columns = {column.key: getattr(item, column.key) for column in Item.__table__.columns}
    for amount in ("price", "tax"):
        columns[amount] = None if columns[amount] is None else columns[amount] / 100
    return ItemRead(**columns, tags=tags)


async def database() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]
Token = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/login/access-token"))]


async def current_user(db: Database, token: Token) -> User:
    try:
        claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"], audience="keel", issuer="keel")
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Could not validate credentials")
    now = datetime.now(timezone.utc)
    found = select(User).join(Session).where(Session.id == uuid.UUID(claims["sid"]), Session.expires_at > now)
    user = (await db.execute(found)).scalar_one_or_none()
    if user is None or not user.is_active:
        raise HTTPException(401, "Could not validate credentials")
    return user


CurrentUser = Annotated[User, Depends(current_user)]


@app.get("/")
async def read_root() -> dict[str, str]:
    return {"message": "Hello World", "docs": "/docs", "redoc": "/redoc", "openapi": "/openapi.json"}


@app.post("/api/v1/login/access-token")
async def login(db: Database, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str | int]:
    user = (await db.execute(select(User).where(func.lower(User.username) == form.username.lower()))).scalar_one_or_none()
    if user is None:
        raise HTTPException(400, "Incorrect email or password")
    try:
        await run_in_threadpool(hasher.verify, user.hashed_password, form.password)
    except VerifyMismatchError:
        raise HTTPException(400, "Incorrect email or password")
    now = datetime.now(timezone.utc)
    refresh_token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(refresh_token.encode()).hexdigest()[:43]
    session = Session(id=uuid.uuid4(), user_id=user.id, scopes="me", family_hash=digest, refresh_hash=digest,
                      created_at=now, last_used_at=now, expires_at=now + timedelta(days=14))
    db.add(session)
    await db.commit()
    claims = {"sub": str(user.id), "sid": str(session.id), "iss": "keel", "aud": "keel", "iat": now,
              "exp": now + TOKEN_LIFETIME}
    token = jwt.encode(claims, SECRET_KEY, algorithm="HS256")
    return {"access_token": token, "token_type": "bearer", "expires_in": 1800, "refresh_token": refresh_token}


@app.get("/api/v1/items/{item_id}")
async def read_item(db: Database, user: CurrentUser, item_id: uuid.UUID, response: Response) -> ItemRead:
    found = select(Item).options(selectinload(Item.tags)).where(Item.id == item_id, Item.owner_id == user.id)
    item = (await db.execute(found)).scalar_one_or_none()
    if item is None:
        raise HTTPException(404, "Item not found")
    response.headers["etag"] = f'"{item.version}"'
    return to_read(item, [tag.name for tag in item.tags])


@app.get("/api/v1/items")
async def read_items(
    db: Database,
    user: CurrentUser,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> ItemPage:
    own = Item.owner_id == user.id
    count = (await db.execute(select(func.count()).select_from(Item).where(own))).scalar_one()
    page = select(Item).options(selectinload(Item.tags)).where(own)
    page = page.order_by(Item.created_at.desc(), Item.id.desc()).offset(skip).limit(limit)
    items = (await db.execute(page)).scalars().all()
    return ItemPage(data=[to_read(item, [tag.name for tag in item.tags]) for item in items], count=count)


@app.post("/api/v1/items", status_code=201)
async def create_item(db: Database, user: CurrentUser, data: ItemCreate, response: Response) -> ItemRead:
    now = datetime.now(timezone.utc)
    minor_units = {name: None if amount is None else int(amount * 100)
                   for name, amount in (("price", data.price), ("tax", data.tax))}
    item = Item(**data.model_dump(exclude={"price", "tax"}), **minor_units, id=uuid.uuid4(), owner_id=user.id,
                version=1, created_at=now, updated_at=now)
    db.add(item)
    await db.commit()
    response.headers["etag"] = '"1"'
    response.headers["location"] = f"/api/v1/items/{item.id}"
    return to_read(item, [])
