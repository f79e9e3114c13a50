import { phrasesOf as phrases, wordsOf as words } from './split-words.ts';

/** The words of the default rule set for chats. Traditional characters and other spellings need no words of their own. */

export const chatLists = {
  // Chinese: whom users ask for
  human: words(`人工 人工客服 人工服务 人工坐席 人工座席 人工在线客服 真人 真人客服 真人服务 活人 活人客服 客服真人
    人工客户 人工克服 人工可服 人公客服 人功 人公 人共 仁工 任工 人弓 仁公 ren工 人gong rengong 接线员 话务员 人工台 人工专线 人工通道 人工热线`),
  service:
    words(`客服 客服人员 客服专员 客服小姐姐 客服小哥 客服小妹 客服代表 在线客服 服务人员 小二 店小二 专员 专人 顾问 agent human 接线员
    经理 主管 负责人 领导 老板 店长 店主 掌柜 上级 能做主的 能做主的人 做主的人 管理员 管事的 管事儿的 管理人员 话事人 当家的 值班经理 技术人员`),
  someone: words(
    `人 个人 一个人 个活人 活人 个真人 一位同事 个同事 位同事 同事 工作人员 一位工作人员 个工作人员 个懂的人 专业的人 专业人员 个明白人 员工`,
  ),
  // Chinese: what users do to reach them
  transfer:
    words(`转 转接 转到 转给 转去 转成 转入 转至 转下 转一下 转个 转回 接 接通 接入 接上 接下 接一下 切 切换 切换到 切到 换 换成 换个 改成
    呼叫 召唤 找 找下 找个 叫 叫个 喊 喊个 联系 联系上 联络 连线 连接 请求 申请 要求 安排 安排个 派 派个 摇 摇个 唤 传唤`),
  typo_transfer: words('专 砖 传 赚 转工 zhuan 转借 装 撰 转结'),
  want: words(
    '我要 我想 想 要 想要 要个 要一个 想找 需要 需 希望 想问 想问下 想问一下 问一下 咨询 咨询一下 我需要 给我 给俺 给个 来个 来位 整个 整一个 弄个 弄一个 上个 请个 求 求个 必须 只要 只想',
  ),
  polite: words('麻烦 麻烦您 麻烦你 请 烦请 拜托 劳烦 有劳 辛苦 请让 麻烦让'),
  strong_call: words(
    '转 转接 转到 转给 转去 接 换 换个 找 找下 找个 找一下 找你们 找你 叫 叫个 叫下 喊 喊个 呼叫 请个 派 派个 安排 安排个 安排一个 安排一位 摇 请 要见 想见',
  ),
  ask_there: words('有没有 有无 有没 有冇 有咩 有得 在不在'),
  ask_end: words('吗 么 没 嘛 不 没有 否 伐 不咯 莫 冇 咩'),
  where: words('呢 在哪 在哪里 在哪儿 去哪了 去哪里了 死哪去了 哪去了 在吗 在不在 在线吗 有吗 有没有 能不能来'),
  gone: words('呢 在哪 在哪里 在哪儿 去哪了 去哪里了 死哪去了 哪去了 人呢'),
  how: words(
    '怎么 如何 怎样 咋 咋个 点样 哪里 哪里可以 哪里能 在哪 怎么才能 怎样才能 如何才能 能不能 可不可以 可以 能 可否 能否 方便',
  ),
  help_me: words('帮我 给我 替我 我要 我想 让我 我需要 帮忙 给俺 帮俺'),
  with: words('跟 和 同 与 找 让 叫'),
  talk: words('说 说话 聊 聊天 谈 谈谈 沟通 讲 讲话 倾 交流 对话 反映 反应 通话 说说 唠 掰扯 沟通一下 联系 来'),
  act: words(
    '来 跟 和 给 帮 处理 解决 说 聊 谈 回复 回答 接待 接电话 打电话 打个电话 联系 看 对接 负责 讲 行不行 核实 查 跟进 搞 弄 同 管',
  ),
  come: words('来 出来 出面 接 接电话 跟 和 同 给 打 打电话 过来 听电话 讲话 说话 联系 回 处理 见'),
  call: words('找 叫 喊 派 来 换 安排 让 请 给 摇 找个 叫个 喊个 派个 换个 来个'),
  boss: words('经理 主管 负责人 领导 老板 店长 店主 掌柜 上级 管事的 话事人 管理人员 老总 头儿'),
  handle: words('介入 才能 处理 协助 解决 帮我 帮忙 接待 服务 来 回复 接听 审核一下 看一下 看看'),
  refuse: words(
    '不想 不要 不愿 不愿意 不和 不跟 别 别拿 别用 别让 别再 懒得 不需要 不是机器人 讨厌 烦死 受够 不找 不用',
  ),
  bot: words('机器人 智能客服 机械人 自动回复 人工智障 机器客服 ai ai客服 robot bot 智能助手 机器'),
  bot_stop: words('别回复 别回 别说 别发 别烦 走开 闭嘴 滚 一边去 别来'),
  for_you: words('为您 为你 帮您 给您 替您 如需 若需 若要 已为 需要的话'),
  thing:
    words(`智能 费 湖 草 草坪 草皮 钻石 钻 宝石 水晶 降雨 降雪 增雨 养殖 合成 培育 牛黄 麝香 浇水 授粉 授精 成本 林 岛 作 资 制 制作 制造 造 吹 吹制 打磨
    翻译 种植 驯养 心脏 呼吸 关节 皮肤 皮革 皮 耳蜗 泪液 甜味 香料 色素 砍 搬 清洗 操作 组装 缝 刺绣 雕刻 雕 选 挑选 分拣 采摘 饲养 喂养 孵化 淡水 沙滩 瀑布
    安装 拆 剪 景观 泳池 程师 程 艺 具 业 厂 地 匠 序 晶体 骨 血管 流产 受孕 肛门 除草 施肥 采集 成像 上色 手绘 现做 挖 开凿 修建 建造 雪 冰 温泉 溪 河 喷泉`),
  human_thing: words(
    '大小 版 秀 实拍 发 身高 图 照 拍 cs 模特 等高 比例 彩票 娃娃 电影 出镜 试穿 试戴 演示 视频 头发 假发 配音 骑',
  ),
  about: words(
    '时间 什么意思 啥意思 是什么 是啥 收费 要钱 要收费 几点 上班时间 工作时间 和智能 和机器 与机器 有什么区别 的区别 干什么 干嘛 的功能 的按钮 这个按钮 的时候 的时间',
  ),
  assist: words('帮 处理 解决 回复 回答 理我 管'),
  discount: words('优惠 便宜 打折 折扣 少点 申请 包邮 送 赠品 价格 议价 降价 抹零'),
  hire: words('招 招聘 应聘 招募 雇 做 当 招不招'),
  // English
  en_human:
    phrases(`human|humans|human being|human beings|human agent|human agents|real human|live human|real person|actual person|live person|live agent|
    live agents|live chat agent|agent|agents|representative|representatives|rep|reps|support rep|service rep|operator|advisor|adviser|supervisor|manager|
    managers|customer service|customer support|customer care|support agent|support team|support person|human rep|human representative|actual human|human support|
    humen|hooman|humna|agnet|agant|reprsentative|representitive|real agent|real people|actual people|actual human being|real human being|live representative|
    live support|customer service agent|customer service representative|customer service rep|team member|staff member|member of staff|specialist|your boss|your staff`),
  en_person: phrases(
    'person|someone|somebody|people|a guy|someone else|anyone|anybody|someone real|staff|the team|your team|someone from your team',
  ),
  en_reach:
    phrases(`talk to|talk with|talk 2|speak to|speak with|speak 2|chat with|chat to|connect me|connect me to|connect me with|connect to|connect with|transfer me|
    transfer me to|transfer to|tranfer me to|tranfer to|transfer this to|put me through|put me through to|put me on with|get me|give me|get hold of|get a hold of|reach|contact|
    forward me to|pass me to|pass me on to|escalate to|escalate this to|switch me to|switch to|hand me over to|call|find me|get through to|speek to|speek with|tlk to|
    talking to|speaking to|speaking with|talking with|deal with|discuss it with|discuss this with|hear from|route me to|patch me through to|direct me to|bring me|bring in`),
  en_want:
    phrases(`want|need|wanna|require|get|request|demand|prefer|would like|d like|i'd like|is there|can i have|may i have|could i get|can i get|
    where is|where's|asking for|ask for|waiting for|looking for|insist on`),
  en_article:
    phrases(`a|an|the|your|some|one of your|any|another|my|to a|to an|to the|to your|with a|with an|with your|with the|at a|an actual|a real|a live|an available|
    a proper|a different|a competent|in a|one of the|to one of your|me a|me an|me the|me your|to|with|real|actual`),
  en_act: phrases('to|call me|help me|who can|that can|from|actually|on the phone|on the line|else'),
  en_refuse:
    phrases(`don't want to talk to|don't want to speak to|do not want to talk to|dont want to talk to|don't want to chat with|stop with|tired of|sick of|enough of|
    fed up with|no more|not talking to|don't want|hate talking to|done with|not a|stop sending me|i don't want`),
  en_bot: phrases(
    'bot|bots|robot|robots|chatbot|chatbots|machine|automated answers|automated replies|automated responses|ai|canned answers|bot answers|bot replies',
  ),
  en_the: phrases('a|the|this|these|your|talking to a|talking to this|any|another|stupid|damn|with a|with this'),
};

export const complaintLists = {
  complaint: words('投诉 举报 投拆 投素 头诉 投述 投书 头素 偷诉 tousu 申诉'),
  intend:
    words(`我要 我想 要 想要 准备 打算 只能 只好 一定 肯定 必须 会 去 就 就去 怎么 如何 怎样 哪里 在哪 在哪里 哪里可以 在哪里可以 马上 等着 等着收 等着接 向 到 找谁
    正式 坚决 强烈 已经 已 直接 我来 俺要 额要 这就 非要 现在 上平台 继续 再 早 早就 天天 实名 联名 要求 支持 还要`),
  target:
    words(`你们 你 他 她 它 这 这个 这家 这种 那个 商家 店家 卖家 店铺 店 平台 客服 快递 快递员 骑手 到 电话 热线 邮箱 商品 他们 恁 酒店 司机 物流 公司 到底 渠道 入口
    贵店 贵公司 某 没人 信 处理 一下`),
  give: words('给 给你 给你们 打 送 送你 送给 送给你们 留 必须 必 直接 赏 一个 来个 奉上 等着 果断 只能'),
  bad_review: words('差评 一星 1星 一星差评 零分 负分 0分'),
  shop: words(
    '你们 你 你们店 你们家 你家 这家店 这店 这家 商家 店家 卖家 贵店 这个店 老板 客服 这 这是 这不是 这就是 你地 恁 你们这 你们公司 这公司',
  ),
  is: words(
    '就是 是 都是 真是 这是 根本是 根本就是 全是 纯属 简直是 在 就是在 专门 明显是 净 一群 一帮 这群 是不是在 是不是',
  ),
  is_strong: words('就是 简直是 纯属 完全是 根本就是 根本是 明显是 摆明了 明摆着'),
  fraud: words(
    '骗子 骗人 骗人的 骗钱 骗我 骗我钱 诈骗 欺诈 欺骗 奸商 黑店 坑人 坑爹 坑钱 忽悠 忽悠人 片子 黑心 无良 流氓 强盗 骗局 诈骗集团 耍流氓 蒙人 敲诈 骗消费者 坑我',
  ),
  fraud_word:
    words(`虚假宣传 假冒伪劣 欺骗消费者 欺诈消费者 坑害消费者 卖假货 售假 买到假货 收到假货 发假货 货不对板 当傻子 当猴耍 霸王条款 店大欺客 黑心商家 无良商家 骗子店 骗子商家
    骗子公司 骗子店铺 坑人玩意 坑人玩意儿 坑人的 消费欺诈 退一赔三 假一赔三 食品安全问题 三无产品 以次充好 强买强卖 偷工减料 坑死我 被你们坑 被坑惨 被你们骗 上当受骗 欺人太甚 糊弄鬼 耍我`),
  service_noun: words(
    '服务 服务态度 态度 售后 客服 质量 品质 物流 东西 做工 店 快递 配送 服务质量 售后服务 处理速度 效率 体验 购物体验 客服态度 口味 玩意',
  ),
  very: words(
    '太 很 真 非常 极 极其 极度 特别 超 超级 实在 实在是 简直 真的 真是 这么 那么 都 有多 巨 好 贼 老 忒 相当 十分 也太 是真',
  ),
  bad: words(
    '差 差劲 恶劣 垃圾 烂 烂透 糟糕 差得很 次 糟 敷衍 拉垮 拉胯 恶心 坑 无语 离谱至极 不行 不好 不地道 不负责 不负责任 不专业 不像话 失望',
  ),
  very_bad: words('差劲 恶劣 差得很 烂透 烂透了 糟透了 差到极点 差极了 极差 垃圾 烂得很 一塌糊涂 稀烂 贼差 拉垮 拉胯'),
  trash:
    words(`什么破 破店 破公司 破玩意 什么垃圾 垃圾店 垃圾东西 垃圾商家 垃圾服务 垃圾客服 垃圾质量 垃圾平台 垃圾公司 垃圾产品 垃圾快递 真垃圾 太垃圾 就是垃圾 是垃圾 一堆垃圾 真辣鸡 太辣鸡 辣鸡店 辣鸡服务 辣鸡客服 辣鸡商家
    什么态度 啥态度 乜态度 什么服务 啥服务 啥子服务 什么玩意 什么烂 乜嘢态度`),
  fury: words(`气死我 气死人 气死了 太过分 过分了 真过分 忍无可忍 不诚信 没诚信 没信用 不讲信用 不讲诚信 烂透 糟透 差到极点 太失望 很失望 非常失望 真失望 失望透顶 失望至极 让人失望 令人失望 让我失望 让我很失望 坑死 太恶心 恶心人
    受够了 受够你们 再也不来 再也不买 再也不会买 再也不会来 再也不光顾 再也不会光顾 再也不会在你 最后一次买 太不负责 没人管 没人理 推来推去 踢皮球 互相推诿 拖到什么时候 拖到啥时候 没见过这么差 没见过这么烂
    这么差的服务 这么烂的 太不像话 真不像话 不像话 给个说法 要个说法 讨个说法 给我个说法 必须给个说法 讨个公道 太欺负人 欺负人 欺负消费者 太无耻 无耻 不要脸 岂有此理 忒不地道 太不地道
    太差劲 真差劲 太气人 太让人生气 很生气 非常生气 非常不满 很不满意 非常不满意 极其不满 十分不满 太离谱了吧你们 凭什么不退 凭什么不给退 寒心 太缺德 缺德 丧良心 良心被狗吃 等了半个月 三番五次`),
  en_complain:
    phrases(`file a complaint|make a complaint|lodge a complaint|submit a complaint|filing a complaint|making a complaint|raise a complaint|register a complaint|
    want to complain|have to complain|going to complain|need to complain|complain about|complain to|complaining to|formal complaint|official complaint|my complaint|a complaint about|
    complane|complaint against|here to complain|would like to complain|report you|report this seller|report this shop|report this store|reporting you|report your|report this company|
    bad review|negative review|one star review|1 star review|one star rating|1 star rating|terrible review|leave a review about how|zero stars`),
  en_fraud:
    phrases(`is a scam|a total scam|a scam|such a scam|scammers|scammer|scamming|scammed|are thieves|thieves|thief|is fraud|pure fraud|committing fraud|fraudulent|fraudsters|rip off|ripoff|ripped off|ripping off|
    cheated me|cheating me|cheating customers|robbed me|stole my money|took my money|stealing my money|false advertising|liars|you lied|fake product|counterfeit|con artists|swindlers`),
  en_adjective: phrases(
    'terrible|horrible|awful|worst|poor|bad|lousy|pathetic|crap|garbage|appalling|atrocious|dreadful|useless|a joke|disgusting',
  ),
  en_service: phrases(
    'service|support|customer service|customer support|experience|store|shop|company|quality|seller|delivery|staff|product',
  ),
  en_is: phrases('is|was|are|were'),
  en_very: phrases('so|very|really|absolutely|just|truly|the|such|simply|extremely'),
  en_bad:
    phrases(`worst service|worst customer service|worst experience|worst company|worst store|worst shop|terrible service|terrible experience|terrible support|terrible customer service|
    horrible service|horrible experience|awful service|awful experience|awful support|poor service|very poor service|poor customer service|bad service|pathetic|disgusting|disgusted|disgraceful|disgrace|
    unacceptable|outrageous|appalling|is a joke|are a joke|what a joke|is ridiculous|absolutely ridiculous|extremely disappointed|very disappointed|so disappointed|really disappointed|
    deeply disappointed|completely disappointed|fed up|never buying here again|never buying from you|never buy here again|never shopping here|never order again|never ordering|
    very unhappy with|extremely unhappy|furious|so angry|very angry|sick and tired|useless service|rude|garbage service|service sucks|you guys suck|this sucks|incompetent|absolute garbage|piece of junk`),
};

export const regulatorLists = {
  authority:
    words(`消协 消费者协会 消费者权益 消保委 消保官 消费者委员会 工商局 工商部门 工商 市场监管 市场监督 市场监督管理局 市监局 市场监管局 监管部门 有关部门 相关部门 主管部门 质监局
    食药监 药监局 物价局 媒体 记者 电视台 黑猫 黑猫投诉 信访 仲裁委 邮政局 邮管局 银保监会 315晚会 12305 公安 警察 派出所 法院 消费者保护`),
  hotline: words('12315 12345 12305 12300 12381 12378 12363'),
  go: words('打 告 找 向 去 上 到 跟 联系 反映 投诉 举报 拨打 致电 通知 请 捅 报'),
  threat: words('见 告 投诉 举报 反映 反馈 起诉 维权 替我 帮我 申诉 介入 处理 曝光 来'),
  legal:
    words(`起诉 法院见 法庭见 告到法院 上法院告 走法律 法律途径 法律程序 法律手段 法律责任 追究责任 联系律师 联系了律师 找律师 请律师 请了律师 我的律师 发律师函 报警 报了警 维权到底 曝光你 曝光你们
    在网上曝光 去网上曝光 网上曝光 发到网上 发抖音 发微博 发小红书 微博上曝光 抖音曝光 集体诉讼 打官司 吃官司 告你 告你们 告死你 告恁 要告 去告 起诉你们 要维权 向平台举报 公之于众 找记者 找媒体`),
  en_authority:
    phrases(`consumer protection|better business bureau|bbb|trading standards|consumer affairs|attorney general|ombudsman|ftc|my lawyer|my attorney|lawyers|legal action|
    take you to court|see you in court|small claims|sue you|suing you|going to sue|will sue|sue your|chargeback|charge back|contact the police|call the police|calling the police|go to the media|
    go to the press|class action|dispute the charge|dispute this charge|report you to the authorities|consumer rights|regulator|to the authorities`),
};
